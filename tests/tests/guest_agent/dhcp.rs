//! DHCP with the clients that real machines have: the whole life of a lease.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use weft_tests::cloud::{self, Network};
use weft_tests::command::{command_in, output};
use weft_tests::site::Site;
use weft_tests::vm::Vm;
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(30);
const MAC: &str = "02:00:00:00:00:11";

/// A machine on a bridge whose subnet is 10.0.0.0/24, known to it as `10.0.0.11`.
fn machine(site: &Site, name: &str) -> (Network, Vm) {
    let network = site.network("blue").unwrap();
    cloud::dhcp_host(&site.rest, &network, MAC, "10.0.0.11").unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&port, "tap-a").unwrap();
    site.sync().unwrap();
    let mut vm = Vm::boot(name, MAC).unwrap();
    vm.attach("tap-a").unwrap();
    (network, vm)
}

/// A program in the machine whose messages go to a file.
struct Running {
    child: Child,
    log: String,
}

impl Running {
    fn start(vm: &Vm, words: &[&str]) -> Self {
        let log = format!("/tmp/{}.client.log", vm.name);
        let file = std::fs::File::create(&log).unwrap();
        let mut command: Command = command_in(&vm.name, words);
        let command = command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        Self { child, log }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said a thing so many times.
    fn says(&self, what: &str, times: usize) {
        let said = || self.said().matches(what).count() >= times;
        let heard = wait::until(&format!("'{what}', {times} times"), LIMIT, said);
        assert!(heard.is_ok(), "{heard:?}\n{}", self.said());
    }

    /// Signals the client itself: `ip netns exec` becomes what it executes.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn udhcpc_gets_renews_by_unicast_releases_and_gets_a_lease_again() {
    let site = Site::start("udhcpc").unwrap();
    let (_, vm) = machine(&site, "dhcp-a");
    let script = vm.dhcp_script().unwrap();
    let words = ["udhcpc", "-i", "eth0", "-f", "-s", &script];
    let client = Running::start(&vm, &words);
    client.says("lease of 10.0.0.11 obtained from 10.0.0.2", 1);
    let has_it = || vm.address().as_deref() == Some("10.0.0.11");
    wait::until("its script to set the address", LIMIT, has_it).unwrap();
    // A renewal is unicast to the server's address, which is learned by ARP.
    client.signal(Signal::SIGUSR1);
    client.says("sending renew to server 10.0.0.2", 1);
    client.says("lease of 10.0.0.11 obtained from 10.0.0.2", 2);
    client.signal(Signal::SIGUSR2);
    client.says("release", 1);
    client.signal(Signal::SIGUSR1);
    client.says("lease of 10.0.0.11 obtained from 10.0.0.2", 3);
}

fn dhclient(vm: &Vm, more: &[&str]) -> String {
    let script = vm.dhcp_script().unwrap();
    let (lease, pid) = (
        format!("/tmp/{}.leases", vm.name),
        format!("/tmp/{}.pid", vm.name),
    );
    let words = ["dhclient", "-v", "-sf", &script, "-lf", &lease, "-pf", &pid];
    let Output { stdout, stderr, .. } = output(command_in(
        &vm.name,
        &[&words[..], more, &["eth0"]].concat(),
    ))
    .unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    )
}

/// Ends the client that is left in the background, as a machine's reboot would: its lease stays on disk.
fn reboot(vm: &Vm) {
    dhclient(vm, &["-x"]);
    vm.forget_address().unwrap();
}

#[test]
fn dhclient_reboots_into_its_lease_is_told_of_a_new_address_and_releases() {
    let site = Site::start("dhclient").unwrap();
    let (network, vm) = machine(&site, "dhcp-b");
    let _ = std::fs::remove_file("/tmp/dhcp-b.leases");
    let said = dhclient(&vm, &["-1"]);
    assert!(
        said.contains("DHCPDISCOVER") && said.contains("DHCPACK of 10.0.0.11 from 10.0.0.2"),
        "{said}"
    );

    // INIT-REBOOT: the lease is asked for by name.
    reboot(&vm);
    let said = dhclient(&vm, &["-1"]);
    assert!(said.contains("DHCPREQUEST for 10.0.0.11"), "{said}");
    assert!(!said.contains("DHCPDISCOVER"), "{said}");
    assert!(said.contains("DHCPACK of 10.0.0.11"), "{said}");

    // The operator moves the machine to another address while it is down.
    reboot(&vm);
    site.rest
        .delete(&format!(
            "{}/hosts/{}",
            network.subnet,
            MAC.replace(':', "-")
        ))
        .unwrap();
    cloud::dhcp_host(&site.rest, &network, MAC, "10.0.0.99").unwrap();
    site.sync().unwrap();
    let said = dhclient(&vm, &["-1"]);
    assert!(said.contains("DHCPNAK from 10.0.0.2"), "{said}");
    assert!(said.contains("DHCPACK of 10.0.0.99"), "{said}");
    assert_eq!(vm.address().as_deref(), Some("10.0.0.99"));

    let said = dhclient(&vm, &["-r"]);
    assert!(
        said.contains("DHCPRELEASE of 10.0.0.99 on eth0 to 10.0.0.2"),
        "{said}"
    );
}

#[test]
fn options_reach_a_real_client_as_they_were_configured() {
    let site = Site::start("options").unwrap();
    let (network, vm) = machine(&site, "dhcp-c");
    let mut subnet = site.rest.get(&network.subnet).unwrap();
    subnet["dnsServerAddrs"] = json!(["10.0.0.53", "10.0.0.54"]);
    subnet["opt121Routes"] = json!([
        { "destinationPrefix": "192.0.2.0", "destinationLength": 24, "gatewayAddr": "10.0.0.7" }
    ]);
    site.rest.update(&network.subnet, &subnet).unwrap();
    site.sync().unwrap();
    let _ = std::fs::remove_file("/tmp/dhcp-c.leases");
    let said = dhclient(&vm, &["-1"]);
    assert!(said.contains("DHCPACK"), "{said}");
    let lease = std::fs::read_to_string("/tmp/dhcp-c.leases").unwrap();
    for wanted in [
        "fixed-address 10.0.0.11;",
        "option subnet-mask 255.255.255.0;",
        "option domain-name-servers 10.0.0.53,10.0.0.54;",
        "option interface-mtu 1400;",
        "option dhcp-server-identifier 10.0.0.2;",
        // 192.0.2.0/24 by 10.0.0.7, and the default route, which a client that reads this option takes from
        // nowhere else (RFC 3442).
        "option rfc3442-classless-static-routes 24,192,0,2,10,0,0,7,0,10,0,0,1;",
    ] {
        assert!(lease.contains(wanted), "no {wanted} in\n{lease}");
    }
}

#[test]
fn a_machine_that_is_no_dhcp_host_is_served_by_the_tenants_own_server() {
    let site = Site::start("own-server").unwrap();
    let (network, vm) = machine(&site, "dhcp-d");
    // The stranger's DISCOVER goes on as ordinary traffic: a machine on the same bridge hears it.
    let port = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&port, "tap-b").unwrap();
    let mut stranger = Vm::boot("dhcp-e", "02:00:00:00:00:12").unwrap();
    stranger.attach("tap-b").unwrap();
    // udhcpd ends when it finds no address at its start.
    vm.run(&["ip", "addr", "add", "10.0.0.200/24", "dev", "eth0"])
        .unwrap();
    let server = Running::start(&vm, &["busybox", "udhcpd", "-f", &udhcpd_config()]);
    server.says("started", 1);
    let got = stranger.udhcpc();
    assert!(got.is_ok(), "{got:?}\n{}", server.said());
    assert_eq!(got.unwrap(), "10.0.0.150");
}

fn udhcpd_config() -> String {
    let path = "/tmp/weft-udhcpd.conf";
    let text = "start 10.0.0.150\nend 10.0.0.150\ninterface eth0\nlease_file /tmp/weft-udhcpd.leases\n\
                pidfile /tmp/weft-udhcpd.pid\noption subnet 255.255.255.0\n";
    std::fs::write(path, text).unwrap();
    std::fs::write("/tmp/weft-udhcpd.leases", "").unwrap();
    path.to_owned()
}
