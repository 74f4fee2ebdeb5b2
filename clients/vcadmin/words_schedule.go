package main

// scheduleWords is what is said of the plan.
type scheduleWords struct {
	span, link, uplink, carries, reserved, begins, arrives, nothing, more, menu string
}

func englishSchedule() scheduleWords {
	return scheduleWords{
		span: "from %s to %s; each mark is %s, · is free, x closed", link: "link", uplink: "(uplink)", carries: "carries", reserved: "reserved",
		begins: "begins", arrives: "arrives", nothing: "nothing is promised: all of it is free", more: "and others; vcadmin deliveries has them all",
		menu: "schedule: how full the links are",
	}
}

func spanishSchedule() scheduleWords {
	return scheduleWords{
		span: "de %s a %s; cada marca son %s, · es libre, x cerrado", link: "enlace", uplink: "(subida)", carries: "da", reserved: "reservado",
		begins: "comienza", arrives: "llega", nothing: "no hay nada prometido: todo está libre", more: "y otras; vcadmin deliveries las tiene todas",
		menu: "plan: qué tan ocupados están los enlaces",
	}
}
