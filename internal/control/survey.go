package control

import "fmt"

// From and to the survey worker.
type (
	// Survey asks what there is to know of a source, which is a version of a
	// file: its SHA-256, or else how long it lasts. Of a folder it asks for the
	// manifest, or with that for the proven one, whose SHA-256 is its digest; for
	// what it is to write the worker has a file. With Show it asks what is to be
	// seen of a file, or of a recording that Grows.
	Survey struct {
		Size   int64 `json:"size"`
		MTime  int64 `json:"mtime_ns"`
		Digest bool  `json:"digest"`
		Folder bool  `json:"folder"`
		Show   bool  `json:"show,omitempty"`
		Grows  bool  `json:"grows,omitempty"`
	}

	// Sight answers with what is to be seen of a source: a small picture as JPEG,
	// a wave of how loud it is from its beginning to its end, 255 at most, or
	// both; neither where that cannot be made. Of what grows it is the latest.
	Sight struct {
		JPEG []byte `json:"jpeg,omitempty"`
		Wave []byte `json:"wave,omitempty"`
	}

	// Described answers with what the manifest of a folder comes to.
	Described struct {
		Entries int    `json:"entries"`
		Files   int    `json:"files"`
		Size    int64  `json:"size"`
		Bytes   int64  `json:"bytes"`
		SHA256  string `json:"sha256"`
	}

	// Lasts answers how long the source lasts, in ms; 0 and why, when that
	// cannot be found out.
	Lasts struct {
		Millis int64  `json:"millis"`
		Why    string `json:"why,omitempty"`
	}

	// Surveying says how many bytes have been hashed so far.
	Surveying struct {
		Offset int64 `json:"offset"`
	}

	// Surveyed answers with the digest of the whole, in lower-case hex.
	Surveyed struct {
		SHA256 string `json:"sha256"`
	}
)

// Bounds of a Sight, in bytes.
const (
	MaxSightJPEG = 48 << 10
	MaxSightWave = 256
)

// Empty says whether there is nothing to be seen.
func (s Sight) Empty() bool { return len(s.JPEG) == 0 && len(s.Wave) == 0 }

func (s Sight) check() error {
	if len(s.JPEG) > MaxSightJPEG || len(s.Wave) > MaxSightWave {
		return fmt.Errorf("a sight of %d and %d bytes, at most %d and %d are allowed", len(s.JPEG), len(s.Wave), MaxSightJPEG, MaxSightWave)
	}
	return nil
}

func (Survey) kind() string    { return "survey" }
func (Sight) kind() string     { return "sight" }
func (Lasts) kind() string     { return "lasts" }
func (Surveying) kind() string { return "surveying" }
func (Surveyed) kind() string  { return "surveyed" }
func (Described) kind() string { return "described" }
