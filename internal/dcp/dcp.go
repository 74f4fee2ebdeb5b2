// Package dcp is what a cinema package (DCP) says of its own files: the map of
// its assets (SMPTE ST 429-9) and its packing lists (ST 429-8), also in the
// older Interop form, which has the same elements in other namespaces.
package dcp

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Bounds of what is read: a package of many reels and versions has some
// hundreds of assets.
const (
	MaxXML    = 4 << 20 // bytes of one file
	MaxAssets = 10_000
)

// IsAssetMap says whether a file of that path is the map of a package.
func IsAssetMap(name string) bool {
	base := path.Base(name)
	return base == "ASSETMAP" || base == "ASSETMAP.xml"
}

// AssetMap is where the assets of a package lie.
type AssetMap struct {
	Paths        map[string]string // by id; relative to the folder of the map
	PackingLists []string          // ids
}

// Asset is a file as a packing list has it.
type Asset struct {
	ID   string
	Hash []byte // SHA-1, or SHA-256, by its length
	Size int64
}

// decode reads one XML document of at most MaxXML bytes.
func decode(r io.Reader, into any) error {
	limited := &io.LimitedReader{R: r, N: MaxXML + 1}
	d := xml.NewDecoder(limited)
	// What is not UTF-8 is no package; nothing else is tried.
	if err := d.Decode(into); err != nil {
		if limited.N <= 0 {
			return errors.New("it is too long")
		}
		return err
	}
	return nil
}

// ReadAssetMap reads an ASSETMAP. An asset of several chunks, which no package
// in use has, is left out.
func ReadAssetMap(r io.Reader) (AssetMap, error) {
	var doc struct {
		XMLName xml.Name `xml:"AssetMap"`
		Assets  []struct {
			ID          string  `xml:"Id"`
			PackingList *string `xml:"PackingList"`
			Chunks      []struct {
				Path string `xml:"Path"`
			} `xml:"ChunkList>Chunk"`
		} `xml:"AssetList>Asset"`
	}
	if err := decode(r, &doc); err != nil {
		return AssetMap{}, err
	}
	if len(doc.Assets) > MaxAssets {
		return AssetMap{}, fmt.Errorf("it has %d assets, at most %d are looked at", len(doc.Assets), MaxAssets)
	}
	m := AssetMap{Paths: make(map[string]string)}
	for _, a := range doc.Assets {
		if len(a.Chunks) != 1 {
			continue
		}
		name, err := local(a.Chunks[0].Path)
		if err != nil {
			return AssetMap{}, err
		}
		id := normal(a.ID)
		m.Paths[id] = name
		if a.PackingList != nil && strings.TrimSpace(*a.PackingList) != "false" {
			m.PackingLists = append(m.PackingLists, id)
		}
	}
	return m, nil
}

// local makes a path of the URI reference that a chunk has.
func local(uri string) (string, error) {
	name := strings.TrimPrefix(strings.TrimSpace(uri), "file://")
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	name = path.Clean(strings.TrimLeft(name, "/"))
	if name == "." || name == ".." || strings.HasPrefix(name, "../") {
		return "", fmt.Errorf("the path %.80q leaves the package", uri)
	}
	return name, nil
}

func normal(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

// ReadPackingList reads a packing list.
func ReadPackingList(r io.Reader) ([]Asset, error) {
	var doc struct {
		XMLName xml.Name `xml:"PackingList"`
		Assets  []struct {
			ID   string `xml:"Id"`
			Hash string `xml:"Hash"`
			Size string `xml:"Size"`
		} `xml:"AssetList>Asset"`
	}
	if err := decode(r, &doc); err != nil {
		return nil, err
	}
	if len(doc.Assets) > MaxAssets {
		return nil, fmt.Errorf("it has %d assets, at most %d are looked at", len(doc.Assets), MaxAssets)
	}
	var all []Asset
	for _, a := range doc.Assets {
		hash, errHash := base64.StdEncoding.DecodeString(strings.TrimSpace(a.Hash))
		size, errSize := strconv.ParseInt(strings.TrimSpace(a.Size), 10, 64)
		if err := errors.Join(errHash, errSize); err != nil || len(hash) != 20 && len(hash) != 32 {
			return nil, fmt.Errorf("the hash or size of %.80q is none", a.ID)
		}
		all = append(all, Asset{ID: normal(a.ID), Hash: hash, Size: size})
	}
	return all, nil
}
