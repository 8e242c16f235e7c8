//! The service is asked, and answers: what becomes of wishes by that.

use weft_topology::id::PortId;

use super::Wishes;
use super::wish::{Ask, Questions, Wish};

impl Wishes {
    /// What the service has to be asked. It counts as asked from now on; each question is to be answered
    /// by one of [`granted`](Self::granted), [`refused`](Self::refused), [`returned`](Self::returned)
    /// and [`ask_again`](Self::ask_again).
    pub fn ask_due(&mut self) -> Questions {
        let mut questions = Questions::default();
        for (port, release) in &mut self.releases {
            if release.ask == Ask::Due && self.asking.insert(*port) {
                release.ask = Ask::Asked;
                questions.back.push(*port);
            }
        }
        for (interface, wish) in &mut self.plugs {
            let mut releases = self.releases.iter();
            let returning = releases.any(|(port, release)| {
                release.ask != Ask::Answered
                    && (*port == wish.port || release.interfaces.contains(interface))
            });
            if wish.ask == Ask::Due && !returning && self.asking.insert(wish.port) {
                wish.ask = Ask::Asked;
                questions.plugs.push((wish.port, interface.clone()));
            }
        }
        questions
    }

    /// The service was away: it has to be asked again, for a port for an interface, or to take it back.
    pub fn ask_again(&mut self, port: PortId, interface: Option<&str>) {
        self.asking.remove(&port);
        match interface {
            Some(interface) => {
                if let Some(wish) = self.asked(interface, port) {
                    wish.ask = Ask::Due;
                }
            }
            None => {
                let release = self.releases.get_mut(&port);
                if let Some(release) = release.filter(|release| release.ask == Ask::Asked) {
                    release.ask = Ask::Due;
                }
            }
        }
    }

    /// The service granted a plug. If nobody wants it any more, it is given back.
    pub fn granted(&mut self, port: PortId, interface: &str, revision: u64) {
        self.asking.remove(&port);
        let Some(wish) = self.asked(interface, port) else {
            if self.interface_of(port).is_none() && !self.is_being_told(port) {
                self.park(port, interface);
                self.give_back(port, interface.to_owned());
            }
            return;
        };
        wish.ask = Ask::Answered;
        wish.granted = Some(revision);
        wish.refused = None;
        wish.is_old = false;
        let wish = wish.clone();
        if let Err(error) = self.write(interface, &wish) {
            tracing::warn!(%error, interface, "the grant is not on disk: it is asked for again after a restart");
        }
    }

    /// The service refused a plug.
    pub fn refused(&mut self, port: PortId, interface: &str, why: &str) {
        self.asking.remove(&port);
        if let Some(wish) = self.asked(interface, port) {
            wish.ask = Ask::Answered;
            wish.refused = Some(why.to_owned());
        }
    }

    /// The service took a port back.
    pub fn returned(&mut self, port: PortId, revision: u64) {
        self.asking.remove(&port);
        let release = self.releases.get_mut(&port);
        let Some(release) = release.filter(|release| release.ask == Ask::Asked) else {
            return;
        };
        release.ask = Ask::Answered;
        release.told = Some(revision);
        release.is_old = false;
        for interface in std::mem::take(&mut release.interfaces) {
            // Its file may be another's by now.
            if !self.plugs.contains_key(&interface)
                && !self
                    .releases
                    .values()
                    .any(|it| it.interfaces.contains(&interface))
            {
                self.files.remove(&interface);
            }
        }
        self.files.unpark(port);
    }

    /// A watch began, of the store of the former one or of another.
    pub fn watch_began(&mut self, is_same_store: bool) {
        if is_same_store {
            for wish in self.plugs.values_mut() {
                wish.is_old |= wish.ask == Ask::Answered;
            }
            for release in self.releases.values_mut() {
                release.is_old |= release.ask == Ask::Answered;
            }
            return;
        }
        for wish in self
            .plugs
            .values_mut()
            .filter(|wish| wish.ask == Ask::Answered)
        {
            wish.ask_anew();
        }
        self.releases
            .retain(|_, release| release.ask != Ask::Answered);
    }

    /// Forgets what is settled at a revision up to which everything has come: ports that were given
    /// back, and plugs whose port `is_here` denies though they had been granted before. Returns the
    /// interfaces of the latter.
    pub fn settle(
        &mut self,
        revision: u64,
        is_here: impl Fn(PortId, &str) -> bool,
    ) -> Vec<(String, PortId)> {
        self.releases
            .retain(|_, release| release.told.is_none_or(|told| told > revision));
        for release in self.releases.values_mut().filter(|release| release.is_old) {
            if release.told.take().is_some() {
                release.ask = Ask::Due;
            }
        }
        let mut lost = Vec::new();
        for (interface, wish) in &mut self.plugs {
            match wish.granted {
                Some(granted) if granted > revision && wish.is_old => wish.ask_anew(),
                Some(granted)
                    if granted <= revision
                        && wish.ask == Ask::Answered
                        && !is_here(wish.port, interface) =>
                {
                    lost.push((interface.clone(), wish.port));
                }
                _ => {}
            }
        }
        for (interface, _) in &lost {
            self.forget(interface);
        }
        lost
    }

    fn asked(&mut self, interface: &str, port: PortId) -> Option<&mut Wish> {
        let wish = self.plugs.get_mut(interface)?;
        (wish.port == port && wish.ask == Ask::Asked).then_some(wish)
    }
}
