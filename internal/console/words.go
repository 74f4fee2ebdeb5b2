package console

import (
	"html/template"

	"videoclub/internal/control"
	"videoclub/internal/look"
)

// words are what the pages say besides what both consoles say. TestWords looks
// for those that are missing.
var words = look.Words{
	"schedule": {"Schedule", "Programa"},

	"search":      {"Search titles", "Buscar títulos"},
	"no_titles":   {"There are no titles yet.", "Todavía no hay títulos."},
	"none_found":  {"No title matches that.", "Ningún título coincide."},
	"ask_admin":   {"An administrator adds the first one.", "Un administrador agrega el primero."},
	"more_titles": {"More titles", "Más títulos"},
	"request":     {"Request", "Solicitar"},
	"unreadable":  {"cannot be delivered", "no se puede entregar"},

	"add_title":   {"Add a title", "Agregar un título"},
	"name":        {"Name", "Nombre"},
	"location":    {"Location on the server", "Ubicación en el servidor"},
	"description": {"Description", "Descripción"},
	"optional":    {"optional", "opcional"},
	"add":         {"Add", "Agregar"},
	"added":       {"Added: %s, number %d.", "Agregado: %s, número %d."},
	"remove":      {"Remove", "Quitar"},
	"remove_it":   {"Remove it from the catalogue", "Quitarlo del catálogo"},
	"removed":     {"Removed: %s.", "Quitado: %s."},
	"force":       {"also cancel the deliveries that depend on it", "cancelar también las entregas que dependen de él"},
	"minutes":     {"Duration in minutes", "Duración en minutos"},
	"minutes_who": {"optional: read from the file where it says so", "opcional: se lee del archivo si este lo dice"},

	"where_to":      {"Where should it be?", "¿Dónde debe estar?"},
	"other_place":   {"Another reception, by name", "Otra recepción, por su nombre"},
	"by_when":       {"By when?", "¿Para cuándo?"},
	"asap":          {"as early as can be promised", "tan pronto como se pueda prometer"},
	"mail_to":       {"Send a mail to", "Avisar por correo a"},
	"promise_me":    {"Ask for a promise", "Pedir una promesa"},
	"not_that_soon": {"It cannot be there by then.", "No puede estar allí a esa hora."},
	"could_be":      {"It can be there by", "Puede estar allí a las"},
	"take_earliest": {"Take the earliest time", "Aceptar la hora más temprana"},
	"binds":         {"What stands in the way:", "Lo que lo impide:"},
	"possible":      {"can be kept", "se puede cumplir"},
	"earliest":      {"earliest", "lo más temprano"},
	"impossible":    {"cannot be promised", "no se puede prometer"},
	"no_reception":  {"No reception is known yet: write its name.", "Todavía no se conoce ninguna recepción: escriba su nombre."},

	"link":     {"the link to the reception carries no more", "el enlace a la recepción no da más"},
	"uplink":   {"the uplink of the central server carries no more", "el enlace de subida del servidor central no da más"},
	"window":   {"the reception's link is closed until then", "el enlace de la recepción está cerrado hasta entonces"},
	"max_pace": {"the configured top pace is too slow", "el ritmo máximo configurado es muy lento"},
	"disk":     {"there is no space at the reception", "no hay espacio en la recepción"},

	"no_deliveries": {"There are no deliveries yet.", "Todavía no hay entregas."},
	"ask_for_one":   {"Request a title, and its delivery is shown here as it goes.", "Solicite un título y su entrega se verá aquí a medida que avanza."},
	"more":          {"Older deliveries", "Entregas anteriores"},
	"to":            {"to", "a"},
	"promised_for":  {"promised for", "prometida para"},
	"laxity":        {"in hand", "de holgura"},
	"at_risk":       {"at risk", "en riesgo"},
	"sending":       {"sending", "enviando"},
	"failed":        {"failed", "fallida"},
	"cancelled":     {"cancelled", "cancelada"},
	"started":       {"started", "comenzada"},
	"resumed":       {"resumed", "reanudada"},
	"interrupted":   {"interrupted", "interrumpida"},
	"cancel":        {"Cancel", "Cancelar"},
	"cancel_it":     {"Cancel this delivery", "Cancelar esta entrega"},
	"cancel_done":   {"The delivery is cancelled; the reception lets go of what it holds.", "La entrega está cancelada; la recepción suelta lo que tiene."},
	"planned":       {"planned", "planificada"},
	"proof_good":    {"Verified: signed by the reception, and what was promised.", "Verificada: firmada por la recepción, y es lo prometido."},
	"proof_bad":     {"This receipt does not prove the delivery.", "Este recibo no prueba la entrega."},
	"what_happened": {"What happened", "Qué pasó"},
	"requested":     {"requested", "solicitada"},

	"busy_links":    {"Promised deliveries, by reception", "Entregas prometidas, por recepción"},
	"nothing_to_do": {"Nothing is promised: everything is free.", "No hay nada prometido: todo está libre."},
}

// functions are what the templates can call besides.
var functions = template.FuncMap{"percent": percent}

// percent is how much of a delivery is durable, 100 only when all is.
func percent(d control.Delivery) int {
	if d.Size <= 0 {
		if d.State == "deposited" {
			return 100
		}
		return 0
	}
	return int(d.Offset * 100 / d.Size)
}
