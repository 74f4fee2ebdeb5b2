package main

import (
	"videoclub/internal/config"
	"videoclub/internal/dropin"
	"videoclub/internal/startup"
)

const (
	// standard is the configuration that the units name.
	standard = "/etc/vc/vcvrs.toml"
	// units are those that listen for vcvrs.
	units = "'vcvrs*.socket'"
)

// dropins are what the configuration at path asks of the units.
func dropins(path string) ([]dropin.Dropin, error) {
	text, err := startup.ReadConfig(&path, "")
	if err != nil {
		return nil, err
	}
	r, err := config.ParseReception(path, text)
	if err != nil {
		return nil, err
	}
	return dropin.Reception(path, r, startup.There), nil
}
