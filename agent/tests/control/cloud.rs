//! The real service, in this process, on an address and a store that outlive it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use weft_api::config::Config;
use weft_api::server::Server;

use crate::machine::NAME;

pub(crate) struct Cloud {
    dir: TempDir,
    addr: SocketAddr,
    service: Option<Runtime>,
    /// For requests.
    client: Runtime,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        let mut cloud = Self {
            dir: tempfile::tempdir().unwrap(),
            addr: lasting_address(),
            service: None,
            client: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        cloud.up();
        cloud
    }

    /// Starts the service on the store as it is.
    pub(crate) fn up(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut config = Config {
            listen: self.addr,
            ..Config::default()
        };
        config.store.path = self.store();
        let server = runtime.block_on(Server::start(&config)).unwrap();
        runtime.spawn(server.run(std::future::pending()));
        self.service = Some(runtime);
    }

    /// Ends the service as a crash does.
    pub(crate) fn down(&mut self) {
        if let Some(runtime) = self.service.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// The store is lost.
    pub(crate) fn forget_all(&self) {
        std::fs::remove_file(self.store()).unwrap();
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("topology.redb")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/midonet-api", self.addr)
    }

    /// A request; its status and body.
    pub(crate) fn call(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let url = format!("{}{path}", self.url());
        self.client.block_on(async {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = http.request(method, url);
            let request = match body {
                Value::Null => request,
                body => request.json(&body),
            };
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    /// Posts a text as it is.
    pub(crate) fn send(&self, path: &str, text: String) -> (u16, String) {
        let url = format!("{}{path}", self.url());
        self.client.block_on(async {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = http.post(url).body(text).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[track_caller]
    fn made(&self, path: &str, body: Value) {
        let (status, text) = self.call(Method::POST, path, body);
        assert_eq!(status, 201, "{text}");
    }

    pub(crate) fn show(&self, path: &str) -> Option<Value> {
        let (status, text) = self.call(Method::GET, path, Value::Null);
        (status == 200).then(|| serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn delete(&self, path: &str) {
        let (status, text) = self.call(Method::DELETE, path, Value::Null);
        assert_eq!(status, 204, "{text}");
    }

    /// Makes a bridge. Returns its id.
    pub(crate) fn bridge(&self) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.made("/bridges", json!({"id": id, "name": "blue"}));
        id
    }

    /// Makes a port of a bridge. Returns its id.
    pub(crate) fn port(&self, bridge: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let path = format!("/bridges/{bridge}/ports");
        self.made(&path, json!({"id": id, "type": "Bridge"}));
        id
    }

    /// Binds a port to a host's interface, as a REST client does.
    #[track_caller]
    pub(crate) fn bind(&self, host: &str, port: &str, interface: &str) {
        let path = format!("/hosts/{host}/ports");
        self.made(&path, json!({"portId": port, "interfaceName": interface}));
    }

    /// Another host asks for a port, as its agent does.
    pub(crate) fn bind_elsewhere(&self, port: &str, interface: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let said = json!({"name": "hv2", "version": "1", "protocol": 1});
        let path = format!("/weft/v1/hosts/{id}");
        assert_eq!(self.call(Method::PUT, &path, said).0, 200);
        let body = json!({"port": port, "interface": interface});
        let (status, text) = self.call(Method::POST, &format!("{path}/bindings"), body);
        assert_eq!(status, 201, "{text}");
        id
    }

    /// Host and interface that a port is bound to.
    pub(crate) fn place(&self, port: &str) -> Option<(String, String)> {
        let port = self.show(&format!("/ports/{port}"))?;
        let text = |key: &str| Some(port[key].as_str()?.to_owned());
        Some((text("hostId")?, text("interfaceName")?))
    }

    pub(crate) fn is_active(&self, port: &str) -> bool {
        self.show(&format!("/ports/{port}")).unwrap()["active"] == true
    }

    /// Whether the host with the agent has everything in force.
    pub(crate) fn is_in_force(&self) -> bool {
        let sync = self.show("/weft/v1/sync").unwrap();
        let hosts = sync["hosts"].as_array().unwrap();
        let mut own = hosts.iter().filter(|host| host["name"] == NAME);
        own.any(|host| host["inForce"] == true)
    }
}

/// An address that a service can have again: its port is none that the kernel gives to whoever asks for any.
pub(crate) fn lasting_address() -> SocketAddr {
    let given = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u16 = given.split_whitespace().next().unwrap().parse().unwrap();
    let below = first.saturating_sub(1024);
    assert!(below > 1000, "too few ports are left to services: {given}");
    loop {
        let random = u16::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap());
        let addr = SocketAddr::from(([127, 0, 0, 1], 1024 + random % below));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}
