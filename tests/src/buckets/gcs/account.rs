//! A made-up service account, and checks of its tokens and signatures.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hyper::HeaderMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The host that `object_store` signs, whatever the endpoint is.
const SIGNED_HOST: &str = "storage.googleapis.com";

/// A service account with a key that this process made.
#[derive(Clone, Debug)]
pub struct Account {
    email: &'static str,
    private: String,
    public: Vec<u8>,
}

impl Account {
    /// The account that every fake server knows.
    pub fn known() -> &'static Account {
        static KNOWN: OnceLock<Account> = OnceLock::new();
        KNOWN.get_or_init(|| Account::new("garage@example.iam.gserviceaccount.com"))
    }

    /// An account that no fake server knows, under the name of the known one.
    pub fn impostor() -> Account {
        Account::new(Account::known().email)
    }

    fn new(email: &'static str) -> Account {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let private = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let public: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        Account { email, private, public: public.as_ref().to_vec() }
    }

    /// The key file of the account.
    pub fn json(&self) -> String {
        let json = json!({
            "type": "service_account",
            "client_email": self.email,
            "private_key_id": "key-1",
            "private_key": self.private,
        });
        json.to_string()
    }

    /// Text of the key that must not be in any log.
    pub fn secret(&self) -> &str {
        &self.private[100..140]
    }

    /// A token of the account that expired an hour ago.
    pub fn expired_token(&self) -> String {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::signature::RSA_PKCS1_SHA256;
        let claims =
            json!({"iss": self.email, "sub": self.email, "iat": now() - 7_200, "exp": now() - 3_600});
        let message = [json!({"alg": "RS256", "typ": "JWT"}), claims]
            .map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let der: String = self.private.lines().filter(|line| !line.starts_with('-')).collect();
        let key = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(der).unwrap()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        assert!(self.has_signed(message.as_bytes(), &signature));
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        key.verify(message, signature).is_ok()
    }

    /// Whether the account has made this token for itself, and it has not expired.
    pub(super) fn is_token(&self, token: &str) -> bool {
        let Some((message, signature)) = token.rsplit_once('.') else { return false };
        let Some(claims) = message.split_once('.').and_then(|(_, claims)| decoded(claims)) else {
            return false;
        };
        let Ok(claims) = serde_json::from_slice::<Value>(&claims) else { return false };
        let expiry = claims["exp"].as_u64().unwrap_or_default();
        decoded(signature).is_some_and(|signature| self.has_signed(message.as_bytes(), &signature))
            && claims["iss"] == self.email
            && expiry > now()
    }

    /// Whether the account has signed this request, with all of its query and the headers that it names, and
    /// the time is within its validity (V4 signing process).
    pub(super) fn is_signed(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> bool {
        let mut pairs: BTreeMap<&str, &str> = query.iter().map(|(key, value)| (&**key, &**value)).collect();
        let Some(signature) = pairs.remove("X-Goog-Signature").and_then(unhexed) else { return false };
        let get = |key| pairs.get(key).copied().unwrap_or_default();
        let (date, credential) = (get("X-Goog-Date"), get("X-Goog-Credential"));
        let Some(scope) = credential.strip_prefix(self.email).and_then(|rest| rest.strip_prefix('/')) else {
            return false;
        };
        let Some(begun) = seconds(date) else { return false };
        let Ok(life) = get("X-Goog-Expires").parse::<u64>() else { return false };
        let now = now();
        if scope != format!("{}/auto/storage/goog4_request", &date[..8])
            || get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256"
            || life > 604_800
            || now + 900 < begun
            || now >= begun + life
        {
            return false;
        }
        let signed_headers = get("X-Goog-SignedHeaders");
        let value = |name| match name {
            "host" => Some(SIGNED_HOST),
            name => headers.get(name)?.to_str().ok(),
        };
        let mut lines = String::new();
        for name in signed_headers.split(';') {
            let Some(value) = value(name) else { return false };
            lines += &format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let canonical: Vec<_> =
            pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        let request =
            format!("{method}\n{path}\n{}\n{lines}\n{signed_headers}\nUNSIGNED-PAYLOAD", canonical.join("&"));
        let hash: String =
            digest(&SHA256, request.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.has_signed(format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{hash}").as_bytes(), &signature)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Seconds since 1970 of `20261127T124131Z`.
fn seconds(date: &str) -> Option<u64> {
    let parsed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    let zoned = parsed.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    zoned.timestamp().as_second().try_into().ok()
}

fn encoded(text: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const SET: percent_encoding::AsciiSet =
        NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &SET).to_string()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

fn unhexed(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}
