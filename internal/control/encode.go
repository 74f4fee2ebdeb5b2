package control

import "videoclub/internal/reason"

// BecomeEncoder tells the encode worker to be an encoder, of a quality from 1 to
// 100. It is the only message of either side, but why that could not be.
type BecomeEncoder struct {
	Program string `json:"program"`
	Quality int    `json:"quality"`
}

// From and to the capture worker.
type (
	// OpenEncoder asks for a program that encodes what it captures, at first and
	// each time that it was lost. The one before ends then.
	OpenEncoder struct{}

	// EncoderOpened answers OpenEncoder: its end of the way of pictures is handed
	// over right after, or it has the Code why not.
	EncoderOpened struct {
		Code   reason.Code `json:"code,omitempty"`
		Detail string      `json:"detail,omitempty"`
	}
)

func (BecomeEncoder) kind() string { return "become_encoder" }
func (OpenEncoder) kind() string   { return "open_encoder" }
func (EncoderOpened) kind() string { return "encoder_opened" }
