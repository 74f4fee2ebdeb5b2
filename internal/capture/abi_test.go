package capture

import (
	"testing"
	"unsafe"
)

// The sizes, offsets and numbers are what gcc says of linux/videodev2.h and
// sound/asound.h of Linux 6.1 (Debian's linux-libc-dev 6.1.192-2) on amd64; the
// headers have no type whose size or alignment is another on arm64, and the
// generic ioctl encoding is used by both.
func TestABI(t *testing.T) {
	var (
		format  v4l2Format
		buffer  v4l2Buffer
		hw      alsaHWParams
		sw      alsaSWParams
		status  alsaStatus
		request v4l2RequestBuffers
	)
	for name, c := range map[string][2]uintptr{
		"v4l2_capability":            {unsafe.Sizeof(v4l2Capability{}), 104},
		"v4l2_fmtdesc":               {unsafe.Sizeof(v4l2FmtDesc{}), 64},
		"v4l2_format":                {unsafe.Sizeof(format), 208},
		"v4l2_format.fmt":            {unsafe.Offsetof(format.width), 8},
		"v4l2_streamparm":            {unsafe.Sizeof(v4l2StreamParm{}), 204},
		"v4l2_requestbuffers":        {unsafe.Sizeof(request), 20},
		"v4l2_buffer":                {unsafe.Sizeof(buffer), 88},
		"v4l2_buffer.timestamp":      {unsafe.Offsetof(buffer.seconds), 24},
		"v4l2_buffer.sequence":       {unsafe.Offsetof(buffer.sequence), 56},
		"v4l2_buffer.m":              {unsafe.Offsetof(buffer.offset), 64},
		"v4l2_buffer.length":         {unsafe.Offsetof(buffer.length), 72},
		"v4l2_frmsizeenum":           {unsafe.Sizeof(v4l2FrameSize{}), 44},
		"v4l2_frmivalenum":           {unsafe.Sizeof(v4l2FrameInterval{}), 52},
		"VIDIOC_ENUM_FRAMESIZES":     {uintptr(vidiocEnumSizes), 0xc02c564a},
		"VIDIOC_ENUM_FRAMEINTERVALS": {uintptr(vidiocEnumIntervals), 0xc034564b},
		"snd_pcm_info":               {unsafe.Sizeof(alsaInfo{}), 288},
		"snd_pcm_hw_params":          {unsafe.Sizeof(hw), 608},
		"hw_params.intervals":        {unsafe.Offsetof(hw.intervals), 260},
		"hw_params.rmask":            {unsafe.Offsetof(hw.rmask), 512},
		"hw_params.fifo_size":        {unsafe.Offsetof(hw.fifo), 536},
		"snd_pcm_sw_params":          {unsafe.Sizeof(sw), 136},
		"sw_params.avail_min":        {unsafe.Offsetof(sw.availMin), 16},
		"sw_params.boundary":         {unsafe.Offsetof(sw.boundary), 64},
		"sw_params.proto":            {unsafe.Offsetof(sw.proto), 72},
		"snd_pcm_status":             {unsafe.Sizeof(status), 152},
		"status.tstamp":              {unsafe.Offsetof(status.sec), 24},
		"status.avail":               {unsafe.Offsetof(status.avail), 64},
		"status.overrange":           {unsafe.Offsetof(status.overrange), 80},
		"snd_xferi":                  {unsafe.Sizeof(alsaTransfer{}), 24},
		"VIDIOC_QUERYCAP":            {uintptr(vidiocQueryCap), 0x80685600},
		"VIDIOC_ENUM_FMT":            {uintptr(vidiocEnumFmt), 0xc0405602},
		"VIDIOC_G_FMT":               {uintptr(vidiocGetFmt), 0xc0d05604},
		"VIDIOC_S_FMT":               {uintptr(vidiocSetFmt), 0xc0d05605},
		"VIDIOC_REQBUFS":             {uintptr(vidiocReqBufs), 0xc0145608},
		"VIDIOC_QUERYBUF":            {uintptr(vidiocQueryBuf), 0xc0585609},
		"VIDIOC_QBUF":                {uintptr(vidiocQBuf), 0xc058560f},
		"VIDIOC_DQBUF":               {uintptr(vidiocDQBuf), 0xc0585611},
		"VIDIOC_STREAMON":            {uintptr(vidiocStreamOn), 0x40045612},
		"VIDIOC_STREAMOFF":           {uintptr(vidiocStreamOff), 0x40045613},
		"VIDIOC_G_PARM":              {uintptr(vidiocGetParm), 0xc0cc5615},
		"VIDIOC_S_PARM":              {uintptr(vidiocSetParm), 0xc0cc5616},
		"SNDRV_PCM_IOCTL_INFO":       {uintptr(pcmInfo), 0x81204101},
		"SNDRV_PCM_IOCTL_TTSTAMP":    {uintptr(pcmTTstamp), 0x40044103},
		"SNDRV_PCM_IOCTL_HW_REFINE":  {uintptr(pcmHWRefine), 0xc2604110},
		"SNDRV_PCM_IOCTL_HW_PARAMS":  {uintptr(pcmHWParams), 0xc2604111},
		"SNDRV_PCM_IOCTL_SW_PARAMS":  {uintptr(pcmSWParams), 0xc0884113},
		"SNDRV_PCM_IOCTL_STATUS":     {uintptr(pcmStatus), 0x80984120},
		"SNDRV_PCM_IOCTL_PREPARE":    {uintptr(pcmPrepare), 0x4140},
		"SNDRV_PCM_IOCTL_START":      {uintptr(pcmStart), 0x4142},
		"SNDRV_PCM_IOCTL_DROP":       {uintptr(pcmDrop), 0x4143},
		"SNDRV_PCM_IOCTL_RESUME":     {uintptr(pcmResume), 0x4147},
		"SNDRV_PCM_IOCTL_READI":      {uintptr(pcmRead), 0x80184151},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %#x instead of %#x", name, c[0], c[1])
		}
	}
}
