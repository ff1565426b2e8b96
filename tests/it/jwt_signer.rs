//! Keys made anew for each run, and tokens signed with them. No private key is in the repository.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tollgate::core::jwt::Algorithm;

pub enum Signer {
    Rsa(RsaKeyPair),
    Ec(&'static str, EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

impl Signer {
    pub fn rsa(size: KeySize) -> Self {
        Self::Rsa(RsaKeyPair::generate(size).unwrap())
    }

    pub fn p256() -> Self {
        Self::Ec("P-256", EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// A key for the algorithm.
    pub fn fit(algorithm: Algorithm) -> Self {
        match algorithm.as_str() {
            "ES256" => Self::p256(),
            "ES384" => Self::Ec("P-384", EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
            "ES512" => Self::Ec("P-521", EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()),
            "EdDSA" => Self::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Self::rsa(KeySize::Rsa2048),
        }
    }

    /// The public half, with members of its own.
    pub fn jwk(&self, more: &Value) -> Value {
        let mut jwk = match self {
            Self::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let n = n.big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": b64(n), "e": b64(e.big_endian_without_leading_zero()) })
            }
            Self::Ec(curve, pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                json!({ "kty": "EC", "crv": curve, "x": b64(x), "y": b64(y) })
            }
            Self::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) }),
        };
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    }

    /// Signs whatever it is told, with the way of the algorithm where the key can, else with its own.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let alg = serde_json::from_str::<Value>(header)
            .map_or_else(|_| String::new(), |header| header["alg"].as_str().unwrap_or_default().to_owned());
        let message = format!("{}.{}", b64(header), b64(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match alg.as_str() {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(_, pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", b64(signature))
    }
}
