//! The order of SRV records (RFC 2782).

use rand_core::Rng;

use super::Srv;

/// By priority, and within one priority by repeated weighted choice. A target of "." means that
/// the service is not offered and is left out.
pub(super) fn in_order(mut servers: Vec<Srv>, rng: &mut impl Rng) -> Vec<Srv> {
    servers.retain(|server| !server.target.trim_end_matches('.').is_empty());
    // Records of weight 0 stand first, so that they keep a small chance (RFC 2782).
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let alike = servers.iter().take_while(|server| server.priority == priority);
        let total: u64 = alike.map(|server| u64::from(server.weight)).sum();
        let point = rng.next_u64() % (total + 1);
        let chosen = position(&servers, priority, point);
        ordered.push(servers.remove(chosen));
    }
    for server in &mut ordered {
        let length = server.target.trim_end_matches('.').len();
        server.target.truncate(length);
    }
    ordered
}

/// The first record whose running sum of weights reaches `point`.
fn position(servers: &[Srv], priority: u16, point: u64) -> usize {
    let mut sum = 0;
    for (at, server) in servers.iter().enumerate() {
        if server.priority != priority {
            break;
        }
        sum += u64::from(server.weight);
        if sum >= point {
            return at;
        }
    }
    0
}
