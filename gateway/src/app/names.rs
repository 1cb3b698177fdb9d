//! From what is published to the names that DNS answers.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use provisioning::addresses;
use tokio::sync::watch;

use crate::dns::{Addresses, View};
use crate::reconcile::Published;
use crate::store::resources::{Resource, ResourceKind};
use crate::store::site::Site;

/// The devices' view of these resources.
pub(super) fn view(site: &Site, published: &[Resource]) -> View {
    let (v4, v6) = addresses::gateway(&site.network);
    let mut hosts = HashMap::new();
    let (mut aliases4, mut aliases6) = (Vec::new(), Vec::new());
    for resource in published {
        // A network is no host: what is in it is reached by the office's own names.
        if resource.kind != ResourceKind::Network {
            let at = Addresses { v4: resource.alias4.map(|n| n.addr()), v6: resource.alias6.map(|n| n.addr()) };
            hosts.insert(format!("{}.{}", resource.name, site.zone), at);
            hosts.extend(resource.dns_names.iter().map(|name| (name.clone(), at)));
        }
        let message = resource.message();
        aliases4.extend(message.v4);
        aliases6.extend(message.v6);
    }
    View {
        zone: site.zone.clone(),
        public_name: site.public_name.to_lowercase(),
        gateway: Addresses { v4: Some(v4), v6: Some(v6) },
        hosts,
        aliases4,
        aliases6,
        resolvers: site.resolvers.clone(),
        office_zones: site.office_zones.clone(),
    }
}

/// The office LAN's view: the zone alone, with real addresses; the office's own names are its own resolver's.
pub(super) fn office_view(site: &Site, published: &[Resource], gateway: Addresses) -> View {
    let machines = published.iter().filter(|resource| resource.kind != ResourceKind::Network);
    let real =
        |resource: &Resource| Addresses { v4: resource.real4.map(|n| n.addr()), v6: resource.real6.map(|n| n.addr()) };
    View {
        gateway,
        hosts: machines.map(|resource| (format!("{}.{}", resource.name, site.zone), real(resource))).collect(),
        aliases4: Vec::new(),
        aliases6: Vec::new(),
        resolvers: Vec::new(),
        office_zones: Vec::new(),
        ..view(site, &[])
    }
}

/// Both views, replaced as a whole when what is published changes.
#[derive(Clone, Debug)]
pub(super) struct Views {
    /// What devices are told.
    pub tunnel: Arc<ArcSwap<View>>,
    /// What the office LAN is told.
    pub office: Arc<ArcSwap<View>>,
    gateway: Addresses,
}

impl Views {
    /// Nothing published yet; `gateway` is where the office LAN finds the portal.
    pub(super) fn new(site: &Site, gateway: Addresses) -> Self {
        Self {
            tunnel: Arc::new(ArcSwap::from_pointee(view(site, &[]))),
            office: Arc::new(ArcSwap::from_pointee(office_view(site, &[], gateway))),
            gateway,
        }
    }

    /// Keeps them up to date, until the reconciler ends.
    pub(super) async fn follow(self, mut published: watch::Receiver<Published>) {
        while published.changed().await.is_ok() {
            let Published { site, resources } = published.borrow_and_update().clone();
            self.tunnel.store(Arc::new(view(&site, &resources)));
            self.office.store(Arc::new(office_view(&site, &resources, self.gateway)));
        }
    }
}
