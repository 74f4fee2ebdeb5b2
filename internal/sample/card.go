package sample

import (
	"fmt"
	"image"
	"image/color"
)

// Brightness of what has no colour.
const (
	black = 16
	panel = 44
	white = 235
)

// Where things stand on the card, in pixels.
const (
	barsEnd  = 200 // below it the grey steps
	stepsEnd = 232 // below it the panel with the texts

	// What moves costs an MP4 film its bytes, by whole macroblocks: the disc lies
	// on their borders.
	discX, discY = 20 * mbSide, 9 * mbSide
	discRadius   = 5 * mbSide
	ringRadius   = discRadius + 4
	hubRadius    = 14
	handLength   = 74
	handWidth    = 2 // to either side of its middle, and as much for its rim

	textLeft  = 40
	textRight = Width - 40
	labelTop  = 262
	labelDot  = 3
	clockTop  = 292
	clockDot  = 5

	progressTop = 344
	progressEnd = 350
)

// flashFrames is for how many pictures of each second the hub lights up: as
// long as the beep sounds.
const flashFrames = beepLength * FrameRate / SampleRate

// zoneRate is how fast the rings of the disc become narrow: they are four
// pixels wide at its rim, which the picture's quality still carries.
const zoneRate = fullTurn / 4 / (2 * discRadius)

// card is what every picture shares. It is not changed once it is made.
type card struct {
	frames int // of the whole film
	still  *image.YCbCr
	zone   [256]uint8 // brightness of the disc's rings over one turn
}

func newCard(frames int) *card {
	c := &card{frames: frames, still: image.NewYCbCr(image.Rect(0, 0, Width, Height), image.YCbCrSubsampleRatio420)}
	for i := range c.zone {
		c.zone[i] = uint8((black+white)/2 + sine(int64(i)*fullTurn/256)*80/sineUnit)
	}
	// The eight bars of the television test picture, at three quarters.
	const on = 191
	for i := range 8 {
		// White to black: green goes off once, red twice, blue four times.
		bar := color.RGBA{R: on, G: on, B: on}
		if i&1 != 0 {
			bar.B = 0
		}
		if i&2 != 0 {
			bar.R = 0
		}
		if i&4 != 0 {
			bar.G = 0
		}
		fill(c.still, image.Rect(i*Width/8, 0, (i+1)*Width/8, barsEnd), bar)
	}
	for i := range 16 {
		step := uint8(black + i*(white-black)/15)
		fill(c.still, image.Rect(i*Width/16, barsEnd, (i+1)*Width/16, stepsEnd), color.RGBA{R: step, G: step, B: step})
	}
	fill(c.still, image.Rect(0, stepsEnd, Width, Height), color.RGBA{R: panel, G: panel, B: panel})
	c.ring()
	write(c.still, textLeft, labelTop, labelDot, "VIDEO CLUB")
	write(c.still, textRight-textWidth("FRAME", labelDot), labelTop, labelDot, "FRAME")
	luma(c.still, image.Rect(textLeft, progressTop, textRight, progressEnd), black)
	return c
}

// ring draws the white rim of the disc and takes the colour out of it.
func (c *card) ring() {
	for y := discY - ringRadius; y <= discY+ringRadius; y++ {
		for x := discX - ringRadius; x <= discX+ringRadius; x++ {
			if square(x-discX)+square(y-discY) <= square(ringRadius) {
				c.still.Y[c.still.YOffset(x, y)] = white
				at := c.still.COffset(x, y)
				c.still.Cb[at], c.still.Cr[at] = 128, 128
			}
		}
	}
}

// canvas is an empty picture for draw.
func (c *card) canvas() *image.YCbCr {
	return image.NewYCbCr(c.still.Rect, c.still.SubsampleRatio)
}

// draw makes picture number frame in m. All that moves is grey, so that only
// the brightness is drawn anew.
func (c *card) draw(m *image.YCbCr, frame int) {
	copy(m.Y, c.still.Y)
	copy(m.Cb, c.still.Cb)
	copy(m.Cr, c.still.Cr)
	c.disc(m, frame)
	second := frame / FrameRate
	write(m, textLeft, clockTop, clockDot, fmt.Sprintf("%02d:%02d:%02d", second/3600, second/60%60, second%60))
	count := fmt.Sprintf("%05d", frame)
	write(m, textRight-textWidth(count, clockDot), clockTop, clockDot, count)
	done := (textRight - textLeft) * (frame + 1) / c.frames
	luma(m, image.Rect(textLeft, progressTop, textLeft+done, progressEnd), white)
}

// disc draws the rings, which wander outwards, the hand, which turns once a
// second and stands upright as the beep begins, and the hub.
func (c *card) disc(m *image.YCbCr, frame int) {
	turn := int64(frame%FrameRate) * fullTurn / FrameRate
	sin, cos := sine(turn), cosine(turn)
	for dy := -discRadius; dy <= discRadius; dy++ {
		row := m.YOffset(0, discY+dy)
		for dx := -discRadius; dx <= discRadius; dx++ {
			far := square(dx) + square(dy)
			if far > square(discRadius) {
				continue
			}
			// The pixel as the hand sees it: along it and across it.
			along := (int64(dx)*sin - int64(dy)*cos) / sineUnit
			across := int64(dx)*cos + int64(dy)*sin
			across = max(across, -across)
			var level uint8
			switch {
			case far <= square(hubRadius-3) && frame%FrameRate < flashFrames:
				level = white
			case far <= square(hubRadius):
				level = black
			case along >= 0 && along <= handLength && across <= handWidth*sineUnit:
				level = white
			case along >= 0 && along <= handLength+handWidth && across <= 2*handWidth*sineUnit:
				level = black
			default:
				level = c.zone[uint8((int64(far)*zoneRate-turn)>>8)]
			}
			m.Y[row+discX+dx] = level
		}
	}
}

// fill paints r, whose edges are even, in one colour.
func fill(m *image.YCbCr, r image.Rectangle, paint color.RGBA) {
	y, cb, cr := color.RGBToYCbCr(paint.R, paint.G, paint.B)
	luma(m, r, y)
	for py := r.Min.Y; py < r.Max.Y; py += 2 {
		for px := r.Min.X; px < r.Max.X; px += 2 {
			at := m.COffset(px, py)
			m.Cb[at], m.Cr[at] = cb, cr
		}
	}
}

// luma sets the brightness of r, which lies within m, and leaves its colour.
func luma(m *image.YCbCr, r image.Rectangle, level uint8) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := m.Y[m.YOffset(r.Min.X, y):]
		for x := range r.Dx() {
			row[x] = level
		}
	}
}

func square(n int) int { return n * n }
