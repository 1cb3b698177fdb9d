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

/// The view for these resources.
pub(super) fn view(site: &Site, published: &[Resource]) -> View {
    let (gateway4, gateway6) = addresses::gateway(&site.network);
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
        gateway4,
        gateway6,
        hosts,
        aliases4,
        aliases6,
        resolvers: site.resolvers.clone(),
        office_zones: site.office_zones.clone(),
    }
}

/// Keeps the view up to date, until the reconciler ends.
pub(super) async fn follow(mut published: watch::Receiver<Published>, current: Arc<ArcSwap<View>>) {
    while published.changed().await.is_ok() {
        let Published { site, resources } = published.borrow_and_update().clone();
        current.store(Arc::new(view(&site, &resources)));
    }
}
