package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// sealed makes the checksums right, so that what is wrong is what they cover.
func sealed(b []byte, size, used int) []byte {
	b = bytes.Clone(b)
	for rest := b; len(rest) >= size; rest = rest[size:] {
		if used == slotUsed {
			copy(rest, slotMagic)
		}
		binary.LittleEndian.PutUint32(rest[used:], crc32.Checksum(rest[:used], castagnoli))
	}
	return b
}

// Whatever stands in the files of a recording, who follows it gets clusters that
// are somewhere, in order, and not without end; and who takes it up again gets an
// error or goes on.
func FuzzFollow(f *testing.F) {
	first := cluster(100, 150)
	c := described(first)
	c.Offset, c.End = int64(len(head)), int64(len(head)+len(first))
	gap := Gap{Track: 1, From: 5, To: 9, Lost: 2, Code: "device_hung", Detail: "nothing came"}
	mark := Mark{number: 1, Offset: c.End, Head: c.Offset, Released: c.Offset}
	f.Add([]byte(head+string(first)), mark.slot(), append(gap.record(c.Offset), c.record()...))
	mark.number, mark.Ended = 2, true
	f.Add([]byte(head), append(mark.slot(), mark.slot()...), c.record())
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, marks, index []byte) {
		if len(data)+len(marks)+len(index) > 1<<16 {
			return
		}
		marks, index = sealed(marks, slotSize, slotUsed), sealed(index, recordSize, recordUsed)
		follow := Follow(bytes.NewReader(data), bytes.NewReader(marks), bytes.NewReader(index))
		m, err := follow.Mark()
		if err != nil {
			return
		}
		if all, err := follow.Clusters(m.Head, 50); err == nil {
			if len(all) > 50 {
				t.Fatalf("%d clusters, of at most 50", len(all))
			}
			for _, c := range all {
				if c.Offset < 0 || c.End <= c.Offset {
					t.Fatalf("there is the cluster %+v", c)
				}
			}
		}
		_, _ = follow.Before(m.Offset)
		_, _ = follow.Floor(m.Offset)
		if gaps, besides, err := follow.Gaps(m.Head, m.Offset, 10); err == nil && (len(gaps) > 10 || besides < 0) {
			t.Fatalf("%d gaps of at most 10, and %d besides", len(gaps), besides)
		}
		files := Files{Data: &memory{now: bytes.Clone(data)}, Marks: &memory{now: marks}, Index: &memory{now: index}}
		w, err := Resume(files, whole, 1<<20)
		if err != nil {
			return
		}
		if got := w.Mark(); got.Offset < got.Head {
			t.Fatalf("it goes on at %+v", got)
		}
		if w.Mark().Ended {
			return
		}
		next := cluster(50, 7)
		if err := w.Append(next, described(next), nil); err == nil && w.Last().End != w.Mark().Offset {
			t.Fatalf("what was appended is %+v, and the mark %+v", w.Last(), w.Mark())
		}
	})
}
