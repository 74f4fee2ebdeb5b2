package control

// From and to the survey worker.
type (
	// Survey asks what there is to know of a source, which is a version of a
	// file: its SHA-256, or else how long it lasts. Of a folder it asks for the
	// manifest, or with that for the proven one, whose SHA-256 is its digest; for
	// what it is to write the worker has a file.
	Survey struct {
		Size   int64 `json:"size"`
		MTime  int64 `json:"mtime_ns"`
		Digest bool  `json:"digest"`
		Folder bool  `json:"folder"`
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

func (Survey) kind() string    { return "survey" }
func (Lasts) kind() string     { return "lasts" }
func (Surveying) kind() string { return "surveying" }
func (Surveyed) kind() string  { return "surveyed" }
func (Described) kind() string { return "described" }
