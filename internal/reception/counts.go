package reception

import (
	"videoclub/internal/control"
	"videoclub/internal/metrics"
)

// Count gives what is counted of deliveries and of the store.
func (r *Reception) Count() ([]control.Sample, error) {
	room, err := r.Depot.Room()
	if err != nil {
		return nil, err
	}
	now := r.Overview()
	r.mu.Lock()
	durable := r.durable
	r.mu.Unlock()
	samples := []control.Sample{{Name: metrics.Build, Label: "vcvrs", Value: 1}}
	for _, s := range []struct {
		name, label string
		value       int64
	}{
		{metrics.Deliveries, "receiving", int64(now.Receiving)},
		{metrics.Deliveries, "waiting", int64(max(0, room.Arrivals-now.Receiving))},
		{metrics.Deliveries, "deposited", int64(room.Deposits)},
		{metrics.DurableTotal, "", durable},
		{metrics.Deposited, "", room.Deposited},
		{metrics.Reserved, "", room.Reserved},
		{metrics.Free, "", max(0, room.Free)},
		{metrics.DiskFree, "", room.Available},
		{metrics.DiskSize, "", room.Total},
		{metrics.Quota, "", room.Quota},
		{metrics.Connections, "centrals", int64(now.Connections)},
	} {
		samples = append(samples, control.Sample{Name: s.name, Label: s.label, Value: float64(s.value)})
	}
	return samples, nil
}
