package matroska

import "testing"

func TestFLACFrames(t *testing.T) {
	flac := Track{Codec: "A_FLAC"}
	for head, want := range map[string]int64{
		"\xff\xf9\x1a\x18\x00": 192, "\xff\xf8\x5a\x18\x00": 4608, "\xff\xf8\xca\x18\x00": 4096,
		"\xff\xf9\x6a\x18\xc2\x80\x0f": 16, "\xff\xf9\x7a\x18\xfe\xbf\xbf\xbf\xbf\xbf\xbf\x07\x7f": 1920,
		// None.
		"": 0, "\xff\xf9": 0, "what is this": 0, "\xff\xf8\x60\x18\xfe": 0, "\xff\xf9\x70\x18\x00\x01": 0, "\xff\xf8\x00\x18\x00\x00": 0,
	} {
		if n := flac.Frames([]byte(head)); n != want {
			t.Errorf("%x has %d, not %d", head, n, want)
		}
	}
}
