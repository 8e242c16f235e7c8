use proptest::prelude::*;

use super::*;

fn walk(bytes: &[u8]) -> Result<Vec<Attr<'_>>, AttrError> {
    Attrs::new(bytes).collect()
}

#[test]
fn an_empty_slice_has_no_attributes() {
    assert_eq!(walk(&[]), Ok(vec![]));
}

#[test]
fn what_is_put_is_walked_in_order() {
    let mut out = Vec::new();
    out.put_u8(1, 0xab);
    out.put_u16(2, 0x1234);
    out.put_be16(3, 0x1234);
    out.put_u32(4, 0x1234_5678);
    out.put_be32(5, 0x1234_5678);
    out.put_u64(6, 1 << 40);
    out.put_be64(7, 1 << 40);
    out.put_str(8, "tap0").unwrap();
    out.put_flag(9);
    out.put_bytes(10, &[1, 2, 3, 4, 5]).unwrap();
    assert_eq!(out.len() % 4, 0);
    let attrs = walk(&out).unwrap();
    assert_eq!(
        attrs.iter().map(|attr| attr.kind).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
    assert_eq!(attrs[0].u8(), Ok(0xab));
    assert_eq!(attrs[1].u16(), Ok(0x1234));
    assert_eq!(attrs[2].be16(), Ok(0x1234));
    assert_eq!(attrs[2].payload, [0x12, 0x34]);
    assert_eq!(attrs[3].u32(), Ok(0x1234_5678));
    assert_eq!(attrs[4].payload, [0x12, 0x34, 0x56, 0x78]);
    assert_eq!(attrs[4].be32(), Ok(0x1234_5678));
    assert_eq!(attrs[5].u64(), Ok(1 << 40));
    assert_eq!(attrs[6].be64(), Ok(1 << 40));
    assert_eq!(attrs[7].payload, b"tap0\0");
    assert_eq!(attrs[7].str(), Ok("tap0"));
    assert_eq!(attrs[8].flag(), Ok(()));
    assert_eq!(attrs[9].payload, [1, 2, 3, 4, 5]);
}

#[test]
fn nested_attributes_get_their_length_when_closed() {
    let mut out = Vec::new();
    let outer = out.begin(1);
    let inner = out.begin(2 | NESTED);
    out.put_u8(3, 7);
    out.end(inner).unwrap();
    out.put_u8(4, 8);
    out.end(outer).unwrap();
    let outer = walk(&out).unwrap();
    assert_eq!((outer.len(), outer[0].kind, outer[0].nested), (1, 1, false));
    let within: Vec<_> = outer[0].attrs().collect::<Result<_, _>>().unwrap();
    assert_eq!((within[0].kind, within[0].nested), (2, true));
    assert_eq!(within[0].tagged_kind(), 2 | NESTED);
    assert_eq!(within[0].attrs().next().unwrap().unwrap().u8(), Ok(7));
    assert_eq!(within[1].u8(), Ok(8));
}

#[test]
fn a_payload_beyond_the_length_field_is_refused_and_leaves_the_buffer_as_it_was() {
    let mut out = vec![1, 2, 3, 4];
    assert_eq!(
        out.put_bytes(5, &vec![0; MAX_PAYLOAD + 1]),
        Err(TooLong {
            kind: 5,
            length: MAX_PAYLOAD + 1
        })
    );
    let nest = out.begin(6);
    out.put_bytes(7, &vec![0; MAX_PAYLOAD]).unwrap();
    assert!(out.end(nest).is_err());
    assert_eq!(out, [1, 2, 3, 4]);
    out.put_bytes(5, &vec![0; MAX_PAYLOAD]).unwrap();
    assert_eq!(walk(&out[4..]).unwrap()[0].payload.len(), MAX_PAYLOAD);
}

#[test]
fn the_last_padding_may_be_missing() {
    let mut out = Vec::new();
    out.put_u8(1, 9);
    out.truncate(5);
    assert_eq!(walk(&out).unwrap()[0].u8(), Ok(9));
}

#[test]
fn bytes_that_are_no_attributes_are_named_by_what_is_wrong() {
    assert_eq!(
        walk(&[8, 0, 1]),
        Err(AttrError::ShortHeader { at: 0, left: 3 })
    );
    assert_eq!(
        walk(&[3, 0, 1, 0]),
        Err(AttrError::ShortLength { at: 0, length: 3 })
    );
    assert_eq!(
        walk(&[4, 0, 1, 0, 9, 0, 1, 0, 1, 2, 3, 4]),
        Err(AttrError::Overrun {
            at: 4,
            length: 9,
            left: 8
        })
    );
}

#[test]
fn a_payload_of_the_wrong_length_is_an_error() {
    let mut out = Vec::new();
    out.put_u16(1, 2);
    let attr = walk(&out).unwrap()[0];
    assert_eq!(
        attr.u32(),
        Err(AttrError::PayloadLength {
            kind: 1,
            length: 2,
            expected: 4
        })
    );
    assert!(attr.flag().is_err());
}

#[test]
fn a_string_with_a_zero_inside_or_bad_utf8_is_an_error() {
    let mut out = Vec::new();
    out.put_bytes(1, b"a\0b\0").unwrap();
    out.put_bytes(1, b"\xff\0").unwrap();
    out.put_bytes(1, b"ok").unwrap();
    let attrs = walk(&out).unwrap();
    assert_eq!(attrs[0].str(), Err(AttrError::ZeroInString { kind: 1 }));
    assert!(matches!(
        attrs[1].str(),
        Err(AttrError::NotUtf8 { kind: 1, .. })
    ));
    assert_eq!(attrs[2].str(), Ok("ok"));
}

proptest! {
    #[test]
    fn any_bytes_end_in_attributes_or_one_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let items: Vec<_> = Attrs::new(&bytes).collect();
        let errors = items.iter().filter(|item| item.is_err()).count();
        prop_assert!(errors <= 1);
        prop_assert!(errors == 0 || items.last().is_some_and(Result::is_err));
        let taken: usize = items.iter().flatten().map(|attr| attr.payload.len() + HEADER).sum();
        prop_assert!(taken <= bytes.len());
    }

    #[test]
    fn any_attributes_come_back(attrs in proptest::collection::vec((0u16..0x4000, proptest::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let mut out = Vec::new();
        for (kind, payload) in &attrs {
            out.put_bytes(*kind, payload).unwrap();
        }
        let back: Vec<_> = walk(&out).unwrap().iter().map(|attr| (attr.kind, attr.payload.to_vec())).collect();
        prop_assert_eq!(back, attrs);
    }
}
