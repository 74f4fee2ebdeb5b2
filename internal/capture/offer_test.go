package capture

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"videoclub/internal/feed"
	"videoclub/internal/reason"
)

func TestFind(t *testing.T) {
	dev, asound := t.TempDir(), t.TempDir()
	for _, name := range []string{"video10", "video2", "video", "videos", "snd/pcmC0D0c", "snd/pcmC0D0p", "snd/pcmC1D3c", "snd/controlC0"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dev, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dev, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dev, "v4l/by-id"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dev, "v4l/by-id/usb-A_camera-index0")
	if err := os.Symlink("../../video10", link); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(asound, "card1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(asound, "card1/id"), []byte("Loopback\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dev, name) }
	want := []Found{
		{feed.V4L2, at("video2"), "v4l2:" + at("video2")}, {feed.V4L2, at("video10"), "v4l2:" + link},
		{feed.ALSA, at("snd/pcmC0D0c"), "alsa:hw:0,0"}, {feed.ALSA, at("snd/pcmC1D3c"), "alsa:hw:Loopback,3"},
	}
	if got := Find(dev, asound); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := Find(t.TempDir(), asound); got != nil {
		t.Errorf("where nothing is: %v", got)
	}
}

func TestLook(t *testing.T) {
	driver := &camera{formats: []string{"RGB3", "YUYV", "MJPG"}, width: 640, height: 360}
	o, err := lookPicture(driver.system())
	half, whole := []feed.Fraction{{Num: 30, Den: 1}, {Num: 15, Den: 1}}, []feed.Fraction{{Num: 30, Den: 1}, {Num: 15, Den: 1}}
	want := Offer{Name: "A camera", Shapes: []Shape{
		{feed.YUYV, 640, 360, whole}, {feed.YUYV, 320, 180, half}, {feed.MJPEG, 640, 360, whole}, {feed.MJPEG, 320, 180, half},
	}}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("got  %v, %v\nwant %v", o, err, want)
	}
	if driver.streams || len(driver.queued) > 0 {
		t.Error("looking started it")
	}
	driver.formats = []string{"RGB3"}
	if _, err := lookPicture(driver.system()); reason.Of(err) != reason.DeviceUnfit {
		t.Errorf("of what is not understood: %v", err)
	}

	card := newCard()
	o, err = lookSound(card.system())
	want = Offer{Name: "A card", SampleRates: [2]int{8000, 96000}, Channels: [2]int{1, 2}, Bits: []int{16, 32}}
	if err != nil || !reflect.DeepEqual(o, want) || card.set != nil {
		t.Errorf("got  %v, %v\nwant %v", o, err, want)
	}
	card.forms = []int{0}
	if _, err := lookSound(card.system()); reason.Of(err) != reason.DeviceUnfit {
		t.Errorf("of what is not understood: %v", err)
	}
}

func TestNode(t *testing.T) {
	asound := t.TempDir()
	for card, name := range map[string]string{"card0": "PCH", "card3": "Loopback"} {
		if err := errors.Join(os.Mkdir(filepath.Join(asound, card), 0o755), os.WriteFile(filepath.Join(asound, card, "id"), []byte(name+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for location, want := range map[string]string{
		"/dev/video0": "/dev/video0", "alsa:hw:2,1": "/dev/snd/pcmC2D1c", "alsa:hw:Loopback,1": "/dev/snd/pcmC3D1c",
	} {
		if got, err := Node(ask(location), asound); err != nil || got != want {
			t.Errorf("%s is %s, %v", location, got, err)
		}
	}
	if _, err := Node(ask("alsa:hw:Other"), asound); reason.Of(err) != reason.DeviceAbsent {
		t.Errorf("a card that is not there: %v", err)
	}
}
