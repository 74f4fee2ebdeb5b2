package dcp

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
)

// smpteMap follows the example of ST 429-9, annex; interopMap what older servers write.
const (
	smpteMap = `<?xml version="1.0" encoding="UTF-8"?>
<AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><Id>urn:uuid:1</Id><VolumeCount>1</VolumeCount>
<AssetList>
<Asset><Id>urn:uuid:AA</Id><PackingList>true</PackingList><ChunkList><Chunk><Path>PKL_a.xml</Path><VolumeIndex>1</VolumeIndex></Chunk></ChunkList></Asset>
<Asset><Id>urn:uuid:bb</Id><ChunkList><Chunk><Path>reels/pic%20ture.mxf</Path><Offset>0</Offset><Length>5</Length></Chunk></ChunkList></Asset>
<Asset><Id>urn:uuid:cc</Id><PackingList>false</PackingList><ChunkList><Chunk><Path>1</Path></Chunk><Chunk><Path>2</Path></Chunk></ChunkList></Asset>
</AssetList></AssetMap>`
	interopMap = `<am:AssetMap xmlns:am="http://www.digicine.com/PROTO-ASDCP-AM-20040311#"><am:AssetList><am:Asset><am:Id>urn:uuid:aa</am:Id><am:PackingList/>
<am:ChunkList><am:Chunk><am:Path>file:///pkl.xml</am:Path></am:Chunk></am:ChunkList></am:Asset></am:AssetList></am:AssetMap>`
	packingList = `<PackingList xmlns="http://www.smpte-ra.org/schemas/429-8/2007/PKL"><Id>urn:uuid:AA</Id><AssetList>
<Asset><Id>urn:uuid:BB</Id><Hash> 2jmj7l5rSw0yVb/vlWAYkK/YBwk= </Hash><Size>5</Size><Type>application/mxf</Type></Asset></AssetList></PackingList>`
)

func TestAssetMap(t *testing.T) {
	m, err := ReadAssetMap(strings.NewReader(smpteMap))
	if err != nil || !maps.Equal(m.Paths, map[string]string{"urn:uuid:aa": "PKL_a.xml", "urn:uuid:bb": "reels/pic ture.mxf"}) || !slices.Equal(m.PackingLists, []string{"urn:uuid:aa"}) {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = ReadAssetMap(strings.NewReader(interopMap))
	if err != nil || m.Paths["urn:uuid:aa"] != "pkl.xml" || len(m.PackingLists) != 1 {
		t.Errorf("Interop: %+v, %v", m, err)
	}
	for name, text := range map[string]string{
		"nothing": "", "a packing list": packingList, "outside": strings.Replace(smpteMap, "reels/", "../", 1), "half": smpteMap[:300],
		"too long": "<AssetMap>" + strings.Repeat(" ", MaxXML),
	} {
		if m, err := ReadAssetMap(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestPackingList(t *testing.T) {
	assets, err := ReadPackingList(strings.NewReader(packingList))
	want, _ := base64.StdEncoding.DecodeString("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
	if err != nil || len(assets) != 1 || assets[0].ID != "urn:uuid:bb" || assets[0].Size != 5 || !bytes.Equal(assets[0].Hash, want) {
		t.Errorf("%+v, %v", assets, err)
	}
	for name, text := range map[string]string{
		"a map": smpteMap, "no hash": strings.Replace(packingList, "2jmj", "", 1), "no size": strings.Replace(packingList, ">5<", "><", 1),
	} {
		if assets, err := ReadPackingList(strings.NewReader(text)); err == nil {
			t.Errorf("%s: %+v", name, assets)
		}
	}
}

func TestWarnings(t *testing.T) {
	if !IsAssetMap("ASSETMAP") || !IsAssetMap("a/b/ASSETMAP.xml") || IsAssetMap("ASSETMAP.xml.bak") {
		t.Error("a map is not known by its name")
	}
	for path, want := range map[string]string{
		"reels/año.mxf": "pkl_hash reels/año.mxf", "a\u202eb": `pkl_hash a\u202eb`, "a\xff": "pkl_hash a?",
	} {
		if got := Warning(WrongHash, path); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
	if long := Warning(WrongHash, strings.Repeat("\u202e", 2000)); len(long) > 500 {
		t.Errorf("%d bytes", len(long))
	}
	if es := Words("es", "pkl_size a b"); es != "a b: su tamaño no es el de la lista de empaque" {
		t.Error(es)
	}
	if en := Words("en", "of_tomorrow x"); en != "of_tomorrow x" {
		t.Error(en)
	}
}

// Whatever stands there, reading ends, and what is read can be used.
func FuzzRead(f *testing.F) {
	for _, text := range []string{smpteMap, interopMap, packingList, ""} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := ReadAssetMap(bytes.NewReader(text)); err == nil {
			for _, name := range m.Paths {
				if strings.HasPrefix(name, "/") || strings.HasPrefix(name, "../") || name == ".." || name == "" {
					t.Errorf("a path %q", name)
				}
			}
		}
		if assets, err := ReadPackingList(bytes.NewReader(text)); err == nil {
			for _, a := range assets {
				if len(a.Hash) != 20 && len(a.Hash) != 32 {
					t.Errorf("a hash of %d bytes", len(a.Hash))
				}
			}
		}
	})
}
