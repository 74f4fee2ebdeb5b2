package desk

import (
	"path"
	"strings"

	"videoclub/internal/catalogue"
	"videoclub/internal/control"
)

// kinds are what files are to people by the ends of their names; others are
// taken for video.
var kinds = map[string]control.Kind{
	".wav": control.KindSound, ".flac": control.KindSound, ".mp3": control.KindSound, ".ogg": control.KindSound, ".oga": control.KindSound,
	".opus": control.KindSound, ".m4a": control.KindSound, ".aac": control.KindSound, ".aif": control.KindSound, ".aiff": control.KindSound,
	".png": control.KindPicture, ".jpg": control.KindPicture, ".jpeg": control.KindPicture, ".gif": control.KindPicture,
	".webp": control.KindPicture, ".tif": control.KindPicture, ".tiff": control.KindPicture, ".bmp": control.KindPicture, ".svg": control.KindPicture,
}

// facts are what everybody may know of a title: of its location nothing but the
// kind of thing that is there, and how large that is. Source is what is known of
// it already, nil where it was not looked at.
func (s asker) facts(t catalogue.Title, at string, source *control.TitleSource) *control.Facts {
	f := &control.Facts{Kind: control.KindVideo, Size: -1}
	if t.Kind() == catalogue.KindLive {
		f.Kind = control.KindLive
		return f
	}
	if kind, known := kinds[strings.ToLower(path.Ext(t.Location))]; known {
		f.Kind = kind
	}
	folder := false
	if source != nil {
		f.Size, folder = source.Size, source.Folder
	} else if file, found, err := s.desk.Surveyor.Open(at); err == nil {
		file.Close()
		if f.Size, folder = found.Size, found.Folder; folder {
			f.Size = s.desk.Surveyor.FolderSize(at)
		}
	}
	if folder {
		f.Kind = control.KindFolder
	}
	return f
}
