package naming

import "testing"

func TestExtension(t *testing.T) {
	for s, want := range map[string]string{
		"": "", ".": "", "mp4": "", ".mp4": ".mp4", ".MP4": ".MP4", ".7z": ".7z", "..mp4": "", ".m p4": "", ".tar.gz": "", ".ñ": "", ".mp4\n": "",
		".abcdefghijklmnop": ".abcdefghijklmnop", ".abcdefghijklmnopq": "",
		".The one with a long name and no extension": "",
	} {
		if got := Extension(s); got != want {
			t.Errorf("%q gives %q, want %q", s, got, want)
		}
	}
}
