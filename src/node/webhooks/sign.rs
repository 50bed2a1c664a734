//! Signatures of deliveries, as the Standard Webhooks specification has them, for which receivers find libraries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::api::outgoing::Hook;

/// What a secret begins with; base64 follows.
const PREFIX: &str = "whsec_";

/// The value of `webhook-signature`; `None` where the secret is none.
pub(super) fn signature(secret: &str, id: &str, seconds: u64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Where a delivery goes: the webhook's URL, and where its owner wants the address signed (`signed_query` of what it
/// remembers with it) the time, an id, and SHA-1 over id, secret and time.
pub(super) fn address(hook: &Hook, seconds: u64) -> String {
    let named = |name: &str| hook.more["signed_query"][name].as_str();
    let (Some(id), Some(value), Some(time), Some(sign), Some(secret)) =
        (named("id"), named("value"), named("time"), named("sign"), hook.secret.as_ref())
    else {
        return hook.url.clone();
    };
    let hash = hex::encode(Sha1::digest(format!("{value}{secret}{seconds}").as_bytes()));
    let (url, fragment) = hook.url.split_once('#').unwrap_or((&hook.url, ""));
    let joint = if url.contains('?') { '&' } else { '?' };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    format!("{url}{joint}{time}={seconds}&{id}={value}&{sign}={hash}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-1 of `abc` (FIPS 180-2, appendix A.1).
    #[test]
    fn an_address_is_signed_where_the_owner_wants_it() {
        let more = serde_json::json!({"signed_query": {"id": "I", "value": "a", "time": "T", "sign": "S"}});
        let mut hook = Hook {
            id: "h".into(),
            tenant: "t".into(),
            owner: "o".into(),
            url: "http://h.example/x".into(),
            events: Vec::new(),
            secret: Some("b".into()),
            enabled: true,
            description: String::new(),
            created_at: 0,
            more,
        };
        let sum = hex::encode(Sha1::digest(b"ab7"));
        assert_eq!(address(&hook, 7), format!("http://h.example/x?T=7&I=a&S={sum}"));
        hook.url = "http://h.example/x?y=1#z".into();
        assert_eq!(address(&hook, 7), format!("http://h.example/x?y=1&T=7&I=a&S={sum}#z"));
        hook.more = serde_json::Value::Null;
        assert_eq!(address(&hook, 7), hook.url);
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_what_receivers_compute() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(secret, id, 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        for none in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"] {
            assert_eq!(signature(none, id, 1, b""), None, "{none:?}");
        }
    }
}
