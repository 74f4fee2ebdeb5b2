package capture

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

// Bounds of what a driver may list.
const (
	mostFormats = 256
	mostSizes   = 64
	mostRates   = 32
)

// Found is a device that is there.
type Found struct {
	Kind feed.Kind
	// Node is its path, Location how a title names it, by a name that stays if
	// there is one.
	Node, Location string
}

// Shape is a format and size of pictures, and how many a second there are of
// them; none where the driver does not say.
type Shape struct {
	Pixels        feed.Format
	Width, Height int
	Rates         []feed.Fraction
}

// Offer is what a device can do.
type Offer struct {
	Name string // what its driver calls it

	Shapes []Shape // of pictures, in the driver's order

	// Of sound: the least and the most, and the forms of samples.
	SampleRates, Channels [2]int
	Bits                  []int
}

// Find lists the cameras and microphones below a directory such as /dev, with
// the names of sound cards from one such as /sys/class/sound. A camera's metadata
// and output nodes are among them: Look tells.
func Find(dev, sound string) []Found {
	stable := make(map[string]string)
	links, _ := filepath.Glob(filepath.Join(dev, "v4l/by-id/*")) // the pattern is good
	for _, link := range links {
		if node, err := filepath.EvalSymlinks(link); err == nil {
			stable[node] = link
		}
	}
	var all []Found
	for _, node := range numbered(dev, "video") {
		name := node
		if link := stable[node]; link != "" {
			name = link
		}
		all = append(all, Found{feed.V4L2, node, "v4l2:" + name})
	}
	for _, node := range numbered(filepath.Join(dev, "snd"), "pcmC") {
		var card, device int
		if n, err := fmt.Sscanf(filepath.Base(node), "pcmC%dD%dc", &card, &device); n != 2 || err != nil || !strings.HasSuffix(node, "c") {
			continue
		}
		name := cmp.Or(cardName(sound, card), fmt.Sprint(card))
		location := fmt.Sprintf("hw:%s,%d", name, device)
		if _, err := feed.ParseCard(location); err != nil { // a card of a strange name
			location = fmt.Sprintf("hw:%d,%d", card, device)
		}
		all = append(all, Found{feed.ALSA, node, "alsa:" + location})
	}
	return all
}

// Node is the path of the device that is asked for. A sound card that has a name
// is looked up in a directory such as /sys/class/sound; one that is not there is
// reason.DeviceAbsent.
func Node(a *feed.Ask, sound string) (string, error) {
	if a.Kind != feed.ALSA {
		return a.Device, nil
	}
	c, err := feed.ParseCard(a.Device)
	if err != nil {
		return "", reason.Wrap(reason.Usage, err, "the sound card")
	}
	number, err := strconv.Atoi(c.Name)
	if err == nil {
		return c.Node(number), nil
	}
	for _, card := range numbered(sound, "card") {
		number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(card), "card"))
		if err == nil && cardName(sound, number) == c.Name {
			return c.Node(number), nil
		}
	}
	return "", reason.New(reason.DeviceAbsent, "there is no sound card %s", c.Name)
}

// cardName is the name of a sound card, "" where it has none.
func cardName(sound string, card int) string {
	id, _ := os.ReadFile(filepath.Join(sound, fmt.Sprintf("card%d", card), "id"))
	return strings.TrimSpace(string(id))
}

// numbered gives the paths of a directory that begin so, the short ones first.
func numbered(dir, prefix string) []string {
	all, _ := filepath.Glob(filepath.Join(dir, prefix+"[0-9]*")) // the pattern is good
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return all
}

// Look asks an open device what it can do, and closes it. One that gives no
// pictures, or none that are understood, is reason.DeviceUnfit.
func Look(f *os.File, kind feed.Kind) (Offer, error) {
	_, sys, err := openNode(f)
	if err != nil {
		return Offer{}, err
	}
	defer sys.close()
	if kind == feed.ALSA {
		return lookSound(sys)
	}
	return lookPicture(sys)
}

func lookPicture(sys system) (Offer, error) {
	c := Camera{sys: sys}
	if err := c.identify(nil); err != nil {
		return Offer{}, err
	}
	o := Offer{Name: c.format.Device}
	for i := range uint32(mostFormats) {
		d := v4l2FmtDesc{index: i, kind: v4l2TypeVideoCapture}
		if sys.ioctl(vidiocEnumFmt, unsafe.Pointer(&d)) != nil {
			break // that was the last
		}
		if pixels, ok := pixelFormats[d.pixelFormat]; ok {
			o.Shapes = append(o.Shapes, shapes(sys, d.pixelFormat, pixels)...)
		}
	}
	if len(o.Shapes) == 0 {
		return o, reason.New(reason.DeviceUnfit, "%s has no format that is understood", o.Name)
	}
	return o, nil
}

// shapes are the sizes of one format. Of a range there are its least and most.
func shapes(sys system, format uint32, pixels feed.Format) []Shape {
	var all []Shape
	add := func(w, h uint32) {
		if w > 0 && h > 0 && w <= feed.MaxSide && h <= feed.MaxSide {
			all = append(all, Shape{Pixels: pixels, Width: int(w), Height: int(h), Rates: rates(sys, format, w, h)})
		}
	}
	for i := range uint32(mostSizes) {
		s := v4l2FrameSize{index: i, pixelFormat: format}
		if sys.ioctl(vidiocEnumSizes, unsafe.Pointer(&s)) != nil {
			break
		}
		if s.kind != v4l2Discrete {
			add(s.union[0], s.union[3])
			add(s.union[1], s.union[4])
			break // there is one range
		}
		add(s.union[0], s.union[1])
	}
	return all
}

// rates are the pictures a second of one size, from what the driver gives as
// the time of one.
func rates(sys system, format, width, height uint32) []feed.Fraction {
	var all []feed.Fraction
	add := func(num, den uint32) {
		if num > 0 && den > 0 {
			all = append(all, feed.Fraction{Num: den, Den: num})
		}
	}
	for i := range uint32(mostRates) {
		v := v4l2FrameInterval{index: i, pixelFormat: format, width: width, height: height}
		if sys.ioctl(vidiocEnumIntervals, unsafe.Pointer(&v)) != nil {
			break
		}
		if v.kind != v4l2Discrete {
			add(v.union[2], v.union[3])
			add(v.union[0], v.union[1])
			break
		}
		add(v.union[0], v.union[1])
	}
	return all
}

func lookSound(sys system) (Offer, error) {
	m := Microphone{sys: sys}
	if err := m.identify(nil); err != nil {
		return Offer{}, err
	}
	o := Offer{Name: m.format.Device}
	p := anything()
	if err := m.refine(&p, func(p *alsaHWParams) { p.masks[alsaMaskAccess] = alsaMask{1 << alsaAccessInterleaved} }); err != nil {
		return o, reason.Wrap(reason.DeviceUnfit, err, "%s does not give interleaved samples", o.Name)
	}
	for _, f := range sampleForms {
		if p.masks[alsaMaskFormat][f.form/32]&(1<<(f.form%32)) != 0 && !slices.Contains(o.Bits, f.bits) {
			o.Bits = append(o.Bits, f.bits)
		}
	}
	slices.Sort(o.Bits)
	within := func(index, most int) [2]int {
		v := p.intervals[index]
		return [2]int{int(min(v.min, uint32(most))), int(min(v.max, uint32(most)))}
	}
	o.SampleRates, o.Channels = within(alsaRate, feed.MaxRate), within(alsaChannels, feed.MaxChannels)
	if len(o.Bits) == 0 {
		return o, reason.New(reason.DeviceUnfit, "%s has no samples of a form that is understood", o.Name)
	}
	return o, nil
}
