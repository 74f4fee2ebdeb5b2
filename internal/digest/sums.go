package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Behind the ring stand the digests of a folder's files, one entry for each of
// its manifest: the SHA-256, the number of the entry, and a CRC-32C of both,
// little-endian. An entry that was not written, or was lost with the power, has a
// wrong CRC.
const (
	sumsAt  = slots * slotSize
	sumSize = sha256.Size + 4 + 4
	sumUsed = sha256.Size + 4

	// syncEvery bounds how much of a folder is hashed again after a power
	// loss at this end.
	syncEvery = 2 * time.Second
)

// PutSum notes the digest of the file that is the manifest's entry number index.
func (n *Notes) PutSum(index int, sum [sha256.Size]byte) error {
	p := make([]byte, 0, sumSize)
	p = append(p, sum[:]...)
	p = binary.LittleEndian.AppendUint32(p, uint32(index))
	p = binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, crc))
	n.ahead = nil
	if _, err := n.file.WriteAt(p, sumsAt+int64(index)*sumSize); err != nil {
		return fmt.Errorf("digest: noting the digest of a file: %w", err)
	}
	if now := time.Now(); now.Sub(n.synced).Abs() >= syncEvery {
		n.synced = now
		if err := n.file.Sync(); err != nil {
			return fmt.Errorf("digest: making the notes durable: %w", err)
		}
	}
	return nil
}

// sumsAhead is how many entries are read at once, because they are asked for in
// order.
const sumsAhead = 1000

// Sum gives the digest of an entry's file, if it was noted.
func (n *Notes) Sum(index int) (sum [sha256.Size]byte, known bool, err error) {
	at := sumsAt + int64(index)*sumSize
	if at < n.aheadAt || at+sumSize > n.aheadAt+int64(len(n.ahead)) {
		n.aheadAt, n.ahead = at, make([]byte, sumsAhead*sumSize)
		have, err := n.file.ReadAt(n.ahead, at)
		if err != nil && err != io.EOF {
			return sum, false, fmt.Errorf("digest: reading the digest of a file: %w", err)
		}
		n.ahead = n.ahead[:have]
		if have < sumSize {
			return sum, false, nil
		}
	}
	p := n.ahead[at-n.aheadAt:][:sumSize]
	if binary.LittleEndian.Uint32(p[sha256.Size:]) != uint32(index) || binary.LittleEndian.Uint32(p[sumUsed:]) != crc32.Checksum(p[:sumUsed], crc) {
		return sum, false, nil
	}
	return [sha256.Size]byte(p), true, nil
}
