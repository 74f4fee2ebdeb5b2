package startup

import (
	"log/slog"

	"videoclub/internal/config"
	"videoclub/internal/reason"
	"videoclub/internal/sandbox"
	"videoclub/internal/worker"
)

// Confine has the spawner's workers confined as the setting wants it, and says
// what the kernel cannot do. Where it must and cannot, the error is
// reason.NoSandbox.
func Confine(s *worker.Spawner, setting string, kernel sandbox.Kernel, log *slog.Logger) error {
	lacks := kernel.Lacks()
	switch {
	case setting == config.SandboxOff:
		s.Unconfined = true
		log.Warn("the workers are not confined: sandbox is \"off\"")
	case setting == config.SandboxRequire && !kernel.Enough():
		return reason.New(reason.NoSandbox, "sandbox is \"require\", and there is no %s", lacks)
	case lacks != "":
		log.Warn("this kernel cannot confine the workers in every way, going on with what it can", "lacks", lacks)
	}
	return nil
}
