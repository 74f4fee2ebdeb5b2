package receipt

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// MaxSize is how many bytes the JSON form may have (64 KiB).
const MaxSize = 64 << 10

// Marshal gives the JSON form of r in one line, without a line feed.
func Marshal(r Receipt) ([]byte, error) { return json.Marshal(r) }

// Parse reads the JSON form. It accepts no other spelling of a receipt than
// that of Marshal, apart from white space and how a text escapes: no unknown,
// doubled, missing or misplaced field, no other form of a number or instant,
// nothing after the end. So two programs that read a receipt see the same. The
// receipt is valid; whether it is signed is for Verify.
// Its errors have the code reason.ReceiptInvalid.
func Parse(data []byte) (Receipt, error) {
	if len(data) > MaxSize {
		return Receipt{}, invalid("%d bytes are more than the %d that one may have", len(data), MaxSize)
	}
	if !utf8.Valid(data) {
		return Receipt{}, invalid("it is not UTF-8")
	}
	var r Receipt
	if err := json.Unmarshal(data, &r); err != nil {
		return Receipt{}, invalid("it cannot be read: %v", err)
	}
	if err := r.Validate(); err != nil {
		return Receipt{}, err
	}
	printed, err := Marshal(r)
	if err != nil {
		return Receipt{}, invalid("it cannot be written again: %v", err)
	}
	if !sameTokens(data, printed) {
		return Receipt{}, invalid("its JSON is not the form of a receipt")
	}
	return r, nil
}

// sameTokens compares two valid JSON texts but for white space and escapes.
func sameTokens(a, b []byte) bool {
	left, right := json.NewDecoder(bytes.NewReader(a)), json.NewDecoder(bytes.NewReader(b))
	left.UseNumber()
	right.UseNumber()
	for {
		x, errX := left.Token()
		y, errY := right.Token()
		if errX != nil || errY != nil {
			return errX == io.EOF && errY == io.EOF
		}
		if x != y {
			return false
		}
	}
}
