package depot

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"math"
	"testing"
)

func state(data []byte) []byte {
	h := sha256.New()
	h.Write(data)
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

func TestSlot(t *testing.T) {
	for _, s := range []slot{
		{},
		{sequence: 1, offset: 256_000, frames: 1, written: 2, hashed: 3, state: state([]byte("x"))},
		{sequence: math.MaxInt64, offset: math.MaxInt64, frames: math.MaxInt64, written: math.MaxInt64, hashed: math.MaxInt64, ahead: math.MaxInt64,
			state: bytes.Repeat([]byte{0xff}, aheadAt-stateAt)},
	} {
		b := s.encode()
		if len(b) != slotSize {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := parseSlot(b)
		if err != nil || !bytes.Equal(got.encode(), b) {
			t.Errorf("%+v became %+v, %v", s, got, err)
		}
		for i := range b {
			b[i] ^= 0x10
			if _, err := parseSlot(b); err == nil {
				t.Errorf("a change of byte %d is not seen", i)
			}
			b[i] ^= 0x10
		}
	}
	if _, err := parseSlot(nil); err == nil {
		t.Error("nothing is a slot")
	}
	if _, err := parseSlot(make([]byte, slotSize)); err == nil {
		t.Error("zeros are a slot")
	}
}

func FuzzSlot(f *testing.F) {
	f.Add(slot{}.encode())
	f.Add(slot{sequence: 7, offset: 9, state: state([]byte("abc"))}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSlot(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.encode(), b) {
			t.Errorf("%x became %x", b, s.encode())
		}
	})
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"0a1b2c3d-1", "0a1b2c3d-9223372036854775807", "0a1b2c3d-9223372036854775808", "0A1b2c3d-1",
		"0a1b2c3d-01", "0a1b2c3d-0", "0a1b2c3d--1", "0a1b2c3d", "../../etc-1", "0a1b2c3d-1/", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		if k.String() != s || len(k.Central) != 8 || k.ID < 1 {
			t.Errorf("%q is %+v", s, k)
		}
	})
}
