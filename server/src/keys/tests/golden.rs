//! Bytes that others published, and small helpers of the tests here.
//!
//! The join example is that of [MS-DVRJ] section 4.1 (a public specification): certificate request, transport key and
//! the certificate that came back. The alternative security identity was worked out from it independently
//! (device-registration.md section 14).

/// The certificate request of the example. Its common name ends with a NUL.
pub(in super::super) const DVRJ_REQUEST: &str = "
MIICdTCCAV0CAQAwMDEuMCwGA1UEAxMlN0U5ODBBRDktQjg2RC00MzA2LTk0MjUtOUFDMDY2RkIwMTRBADCCASIwDQYJ
KoZIhvcNAQEBBQADggEPADCCAQoCggEBAKS8jipCztLoXQEhlyWIQwlFUP74jkLvt4KSWYexYyW+Teays9Mo0oz94BYMM
o7qzkN3dIex9XID5oSrlTbUJ5KrjNffc3f8p6XDIHFNuNzlI4aWgJ3qut3RiPZU1mTra/MKQXRr8XiJFdYiSAmVXDnPUj
s1pVlJiLOzIE0TdRv4C2K6af3KksG/TMWqdn/4M0SZjLsXx3pnmvkB23IGTkEL0LbQG/mN74sAyChwAW8QqpdkOLgYglt
IJNk/AWz32kzUtiYz+/3jo8zxdAN45Mb+aQIChxiskv6EOCvHJ2e/3B4IlQEOJvbjOATzgaiwQkCZYHQ1zhE7mZWHfM5g
3s0CAwEAAaAAMA0GCSqGSIb3DQEBCwUAA4IBAQBGgifpEjPkSfbtjNKL5XXgRPFfQ5RVMuwfhMqsmrZ7BIsx0KTwgY4F/
62ChA9MyQWexOoSk/Ag/xcTKOBl23hgXD3e4A3tldsG9R+LdAQznvm9zQl41mEgw8oqaPDuBiS8SJFaRQ0SHHJ/7XkxP+
j/gKMSl2dKnLYqg2SXgpRjNh88dDnZ0BXvm2oIsG2BdiKfr3Ur8Emy69nLVkHaFoXwZOX3aEYq3lkzByIpuWyAPuKzdF7
k0WLRT7LOEuddkbS8JcK0gi029JSDOwGcXMIQfA56+2URwRNnWt5Us5odNzbhQFbNuw6D0llMuBU19AUuq1yddB87TN/2
HJDLWH31
";

/// The transport key of the example, an RSA1 blob.
pub(in super::super) const DVRJ_TRANSPORT_KEY: &str = "
UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQABmh7Ua2L3SWbOSHTMjFqEH9X07e0xPBSg8gDY+QY0f6rvAe10QPhzX+Jz
6azj3gAZZBLjnfS5p/nPODwsH5ONe9xpDc3os27Ov6XY7TSPlps17uWLsJR+egvHcsHMnVKmmt7ErelpkSol6wenhpLWl
AuildJa1Uf/BSVE6QkjMkbltr8oHpcblzPg56Z9/pmbwJJAUNT8Gzh27frfJakPXpYy01zX9bsf4ADCHpWkm+VF13f0Ra
tAc6D0neqjuKyXef6btHFzFHA9llSbTSE3V6MVn4oyNIH+6FFw2/35wTWEh67N5bBSa+74GurTFwky642IRsiGn965DX6
WLRGG5Q==
";

/// Base64 of the SHA-256 of that blob.
pub(in super::super) const DVRJ_TRANSPORT_KEY_ID: &str =
    "OFRUWfZ53hfDBRSXuwWz6IEWo/d09oOw+OMI/IlmBM4=";

/// The certificate of the example.
pub(in super::super) const DVRJ_CERTIFICATE: &str = "
MIID/TCCAuWgAwIBAgIQFtqdeZAaCo1HeUuQqHiLgTANBgkqhkiG9w0BAQsFADB1MXMwEQYKCZImiZPyLGQBGRYDbmV0
MBIGCgmSJomT8ixkARkWBG1pbTEwHQYDVQQDExZNUy1Pcmdhbml6YXRpb24tQWNjZXNzMCsGA1UECxMkNmY2YTJjNjEtY
TAzZC00ODQ4LWFmMWQtZjU3YjhhOTA2YWY3MB4XDTE2MDIyMjIyMDIxMVoXDTI2MDIxOTIyMTIxMVowLzEtMCsGA1UEAx
MkOWQ1M2M2ZmEtYjM4ZS00NTA5LThmYjEtNTFkZWRiNDIxYWFjMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQE
ApLyOKkLO0uhdASGXJYhDCUVQ/viOQu+3gpJZh7FjJb5N5rKz0yjSjP3gFgwyjurOQ3d0h7H1cgPmhKuVNtQnkquM199z
d/ynpcMgcU243OUjhpaAneq63dGI9lTWZOtr8wpBdGvxeIkV1iJICZVcOc9SOzWlWUmIs7MgTRN1G/gLYrpp/cqSwb9Mx
ap2f/gzRJmMuxfHemea+QHbcgZOQQvQttAb+Y3viwDIKHABbxCql2Q4uBiCW0gk2T8BbPfaTNS2JjP7/eOjzPF0A3jkxv
5pAgKHGKyS/oQ4K8cnZ7/cHgiVAQ4m9uM4BPOBqLBCQJlgdDXOETuZlYd8zmDezQIDAQABo4HOMIHLMAwGA1UdEwEB/wQ
CMAAwFgYDVR0lAQH/BAwwCgYIKwYBBQUHAwIwIgYLKoZIhvcUAQWCHAEEEwSBEBlHndG2cH1Hk5TYKc0QJyYwIgYLKoZI
hvcUAQWCHAIEEwSBEPrGU52OswlFj7FR3ttCGqwwIgYLKoZIhvcUAQWCHAMEEwSBEPrGU52OswlFj7FR3ttCGqwwIgYLK
oZIhvcUAQWCHAQEEwSBEPmn2AgfWBtAlf+08rttlBUwEwYLKoZIhvcUAQWCHAcEBASBATEwDQYJKoZIhvcNAQELBQADgg
EBABMCUxcSfhgYvinGkRgbvCEiu8nqgWOrM2bANnlw+Dp3uM33ppx0vahJfrFAcYoUDh2ANZ/E2X7Z1j5ZcUu4xRxHFa/
wxyAd3KBz4CqNJDOt1sbELNdtcgipkbpeO2F5fn2jJD+fpd5tpLJ8TFEmG3NoteunFVyghnponPEGY5joDdd8g1JFLHEJ
hz77iM+w+s/kJFCQC8r9LMZ/LbK5Km1LNWDku1vbrz8p3hrE1S0pr3CuoxKmb+SgPDB+bG600inGvx4PLU1FmFPEJOObv
h3Z/f+Hb8uoTTGKwpHgyEHValtwMCIYGKPmipaiJW4S+Jgszi91ZDsjiNgqILlrQZE=
";

/// Its thumbprint, as the example prints it.
pub(in super::super) const DVRJ_THUMBPRINT: &str = "D09A73223D16855752C5E820A70540BA6450103E";

/// Its alternative security identity.
pub(in super::super) const DVRJ_ALT_SECURITY_ID: &str = "X509:<SHA1-TP-PUBKEY>D09A73223D16855752C5E820A70540BA6450103EfAEQj2hW5Ox+vjZP9wx5rOLbJypnn7SVJ8aw+GVD42Y=";

/// The bytes 00, 01, 02 and so on.
pub(in super::super) fn counting<const N: usize>() -> [u8; N] {
    counting_from(0)
}

/// The bytes that count up from a first one.
pub(in super::super) fn counting_from<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|at| first + u8::try_from(at).unwrap())
}

/// The text with the character at one place replaced, or nothing when that is how it was.
pub(in super::super) fn is_changed_by(text: &str, at: usize, value: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let old = std::mem::replace(bytes.get_mut(at)?, value);
    (old != value).then(|| String::from_utf8(bytes).unwrap())
}

/// Every place and bit of what is signed and of the signature in a certificate or request with an RSA-2048 signature.
/// Between and before them stands framing (tag and length, the algorithm again), which the reader takes in more
/// forms than one.
pub(in super::super) fn signed_bits(der: &[u8]) -> impl Iterator<Item = (usize, u8)> + use<> {
    let signature = der.len() - 256;
    let frame = 15 + 5;
    (4..signature - frame)
        .chain(signature - 1..der.len())
        .flat_map(|at| [0x01, 0x20, 0x80].map(|bit| (at, bit)))
}
