//! RSA moduli nobody should trust, as far as that shows without factoring.

/// Primes a modulus must not be divisible by, and by which a ROCA key shows itself.
const PRIMES: [u32; 39] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/// Moduli of the flawed generator are powers of this, modulo each of the primes (CVE-2017-15361).
const ROCA_GENERATOR: u32 = 65_537;

/// Whether a modulus, most significant byte first, is even, has a small factor (S-097), or was made by a
/// generator whose keys can be factored (CVE-2017-15361).
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    let mut like_roca = true;
    for prime in PRIMES {
        let rest = remainder(modulus, prime);
        if rest == 0 {
            return true;
        }
        like_roca &= is_power(rest, prime);
    }
    like_roca
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest: u32, byte| (rest.wrapping_mul(256).wrapping_add(u32::from(*byte))) % prime)
}

/// Whether `rest` is a power of the generator modulo the prime.
fn is_power(rest: u32, prime: u32) -> bool {
    let generator = ROCA_GENERATOR % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = power.wrapping_mul(generator) % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_factors_are_found_s097() {
        for weak in [0_u32, 2, 15, 167 * 65_537, 65_536, 3 * 1_000_003] {
            assert!(is_weak(&weak.to_be_bytes()), "{weak}");
        }
        // Two primes.
        assert!(!is_weak(&(1_000_003_u64 * 1_000_033).to_be_bytes()));
    }

    #[test]
    fn powers_of_the_generator_are_found() {
        assert!(is_weak(&1_u32.to_be_bytes()));
        assert!(is_weak(&65_537_u32.to_be_bytes()));
        assert!(is_weak(&65_537_u64.pow(3).to_be_bytes()));
    }
}
