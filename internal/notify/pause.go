package notify

import (
	"hash/fnv"
	"strconv"
	"time"
)

const (
	firstPause = 30 * time.Second
	mostPause  = time.Hour
)

// greylist are the pauses after a server has said "not now": many let a mail in
// at its second try, if that comes no sooner than a minute or five after the
// first (RFC 6647, section 2).
func greylist(attempts int) time.Duration {
	pauses := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute}
	if attempts > len(pauses) {
		return mostPause
	}
	return pauses[attempts-1]
}

// pause is how long to wait after that many attempts, told "not now" by the
// server or not. Up to a quarter is added, which differs from mail to mail and
// from try to try, so that what failed together is not tried together for ever.
func pause(messageID string, attempts int, told bool) time.Duration {
	base := firstPause
	if told {
		base = greylist(attempts)
	} else {
		for n := 1; n < attempts && base < mostPause; n++ {
			base *= 2
		}
		base = min(base, mostPause)
	}
	h := fnv.New32a()
	h.Write([]byte(messageID + " " + strconv.Itoa(attempts)))
	return base + time.Duration(float64(base/4)*float64(h.Sum32())/(1<<32))
}
