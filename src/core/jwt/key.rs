//! One key of a set (RFC 7517), bound to what it may verify.

use std::fmt;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::algorithm::{Algorithm, KeyKind};
use super::compact::MAX_KID;
use super::weak;

/// Fewest bits of an RSA modulus (W16, RFC 7518 section 3.3).
pub const MIN_RSA_BITS: usize = 2048;
/// Most bits; more only cost time.
pub const MAX_RSA_BITS: usize = 8192;

/// A member that only a private or symmetric key has (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why an entry of a set is not used. The others are (S-141).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// Not an object, or a member has the wrong type or is missing.
    #[error("malformed")]
    Malformed,
    /// A symmetric key, or the private half of a pair: neither belongs into a public document.
    #[error("secret")]
    Secret,
    /// A kind of key, or a curve, that is not accepted.
    #[error("another kind of key")]
    Kind,
    /// `use` or `key_ops` say that it does not verify signatures.
    #[error("not for signatures")]
    Purpose,
    /// `alg` is not accepted, or does not fit the kind of key.
    #[error("another algorithm")]
    Algorithm,
    /// RSA of fewer than 2048 or more than 8192 bits.
    #[error("RSA of the wrong size")]
    Size,
    /// A modulus with small factors or of a flawed generator, or an exponent that is 1 or even (S-097).
    #[error("weak")]
    Weak,
    /// Not a point of the curve.
    #[error("not a point of its curve")]
    Point,
}

/// A public key, its name, and the only algorithms it verifies.
#[derive(Clone)]
pub struct Key {
    pub(super) kid: Option<String>,
    kind: KeyKind,
    /// What `alg` of the key says.
    pinned: Option<Algorithm>,
    material: Material,
    thumbprint: [u8; 32],
}

#[derive(Clone)]
enum Material {
    /// What the crate verifies with.
    Crate(DecodingKey),
    /// A point of P-521, uncompressed. The crate does not know ES512.
    P521(Box<[u8]>),
}

impl Key {
    /// Reads one entry of a set.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn parse(entry: &Value) -> Result<Self, Unusable> {
        let entry = entry.as_object().ok_or(Unusable::Malformed)?;
        if PRIVATE.iter().any(|name| entry.contains_key(*name)) {
            return Err(Unusable::Secret);
        }
        let kid = text(entry, "kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(Unusable::Malformed);
        }
        verifies_signatures(entry)?;
        let family = kind(entry)?;
        let pinned = text(entry, "alg")?.map(|alg| Algorithm::parse(alg).ok_or(Unusable::Algorithm)).transpose()?;
        if pinned.is_some_and(|alg| alg.kind() != family) {
            return Err(Unusable::Algorithm);
        }
        let mut digest = Sha256::new();
        let material = match family {
            KeyKind::Rsa => rsa(entry, &mut digest)?,
            KeyKind::P256 => point(entry, 32, &ECDSA_P256_SHA256_FIXED, &mut digest).map(|point| of_curve(&point))?,
            KeyKind::P384 => point(entry, 48, &ECDSA_P384_SHA384_FIXED, &mut digest).map(|point| of_curve(&point))?,
            KeyKind::P521 => Material::P521(point(entry, 66, &ECDSA_P521_SHA512_FIXED, &mut digest)?.into()),
            KeyKind::Ed25519 => edwards(entry, &mut digest)?,
        };
        Ok(Self { kid, kind: family, pinned, material, thumbprint: digest.finalize().into() })
    }

    /// The key's name in its set.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Identifies the key itself, whatever it is called: SHA-256 of its public numbers. A token that was
    /// verified is forgotten when no key of the set has the thumbprint any more.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// Whether it may verify that algorithm: kind of key, curve and the key's own `alg` agree (S-096).
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.kind() == self.kind && self.pinned.is_none_or(|pinned| pinned == algorithm)
    }

    /// Whether the signature, in base64url, is this key's. False for an algorithm that does not fit.
    #[must_use]
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &str, signature: &str) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match (&self.material, of_crate(algorithm)) {
            (Material::Crate(key), Some(algorithm)) => {
                jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, algorithm).is_ok_and(|good| good)
            }
            (Material::P521(key), None) => BASE64URL_NOPAD
                .decode(signature.as_bytes())
                .is_ok_and(|signature| ECDSA_P521_SHA512_FIXED.verify_sig(key, signed.as_bytes(), &signature).is_ok()),
            (Material::Crate(_), None) | (Material::P521(_), Some(_)) => false,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = f.debug_struct("Key");
        key.field("kid", &self.kid).field("kind", &self.kind).field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

/// The crate's name of an algorithm; it has none for ES512.
fn of_crate(algorithm: Algorithm) -> Option<jsonwebtoken::Algorithm> {
    Some(match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Ps384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::Ps512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Es512 => return None,
    })
}

fn text<'e>(entry: &'e Map<String, Value>, name: &str) -> Result<Option<&'e str>, Unusable> {
    entry.get(name).map(|value| value.as_str().ok_or(Unusable::Malformed)).transpose()
}

/// The bytes of a member in canonical base64url; they must be there.
fn bytes(entry: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unusable> {
    let text = text(entry, name)?.ok_or(Unusable::Malformed)?;
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Unusable::Malformed)
}

fn verifies_signatures(entry: &Map<String, Value>) -> Result<(), Unusable> {
    if text(entry, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::Purpose);
    }
    match entry.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err(Unusable::Purpose),
    }
}

fn kind(entry: &Map<String, Value>) -> Result<KeyKind, Unusable> {
    let curve = text(entry, "crv")?;
    match (text(entry, "kty")?.ok_or(Unusable::Malformed)?, curve) {
        ("RSA", None) => Ok(KeyKind::Rsa),
        ("EC", Some("P-256")) => Ok(KeyKind::P256),
        ("EC", Some("P-384")) => Ok(KeyKind::P384),
        ("EC", Some("P-521")) => Ok(KeyKind::P521),
        ("OKP", Some("Ed25519")) => Ok(KeyKind::Ed25519),
        ("oct", _) => Err(Unusable::Secret),
        _ => Err(Unusable::Kind),
    }
}

fn rsa(entry: &Map<String, Value>, digest: &mut Sha256) -> Result<Material, Unusable> {
    let (n, e) = (bytes(entry, "n")?, bytes(entry, "e")?);
    let (n, e) = (without_zeros(&n), without_zeros(&e));
    let bits = n.len().saturating_mul(8).saturating_sub(n.first().map_or(0, |byte| byte.leading_zeros() as usize));
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(Unusable::Size);
    }
    let is_odd = e.last().is_some_and(|byte| byte % 2 == 1);
    if !is_odd || e == [1] || e.len() > 4 || weak::is_weak(n) {
        return Err(Unusable::Weak);
    }
    PublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| Unusable::Weak)?;
    digest.update([b'R']);
    digest.update((n.len() as u64).to_be_bytes());
    digest.update(n);
    digest.update(e);
    Ok(Material::Crate(DecodingKey::from_rsa_raw_components(n, e)))
}

/// Some servers write a sign byte.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The uncompressed point, when it is one of the curve.
fn point(
    entry: &Map<String, Value>,
    size: usize,
    curve: &'static aws_lc_rs::signature::EcdsaVerificationAlgorithm,
    digest: &mut Sha256,
) -> Result<Vec<u8>, Unusable> {
    let (x, y) = (bytes(entry, "x")?, bytes(entry, "y")?);
    // RFC 7518 section 6.2.1.2: the full size, zeros included.
    if x.len() != size || y.len() != size {
        return Err(Unusable::Point);
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(curve, &point).map_err(|_| Unusable::Point)?;
    digest.update([b'E']);
    digest.update(&point);
    Ok(point)
}

/// For the curves that the crate knows.
fn of_curve(point: &[u8]) -> Material {
    Material::Crate(DecodingKey::from_ec_der(point))
}

fn edwards(entry: &Map<String, Value>, digest: &mut Sha256) -> Result<Material, Unusable> {
    let x = bytes(entry, "x")?;
    if x.len() != 32 {
        return Err(Unusable::Point);
    }
    ParsedPublicKey::new(&ED25519, &x).map_err(|_| Unusable::Point)?;
    digest.update([b'O']);
    digest.update(&x);
    Ok(Material::Crate(DecodingKey::from_ed_der(&x)))
}
