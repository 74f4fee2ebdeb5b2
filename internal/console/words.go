package console

import (
	"fmt"
	"html/template"
	"time"

	"videoclub/internal/control"
	"videoclub/internal/look"
	"videoclub/internal/reason"
)

// words are what the pages say besides what both consoles say. TestWords looks
// for those that are missing.
var words = look.Words{
	"schedule":    {"Schedule", "Programa"},
	"receptions":  {"Receptions", "Recepciones"},
	"accounts":    {"Accounts", "Cuentas"},
	"local_admin": {"administrator of this machine", "administración de esta máquina"},

	"log_in_how":   {"Paste your login link, or its token. Whoever administers this server gives it to you.", "Pegue su enlace de acceso, o su clave. Se lo da quien administra este servidor."},
	"log_in_admin": {"Nobody needs a login on this machine to request titles. To administer, get a link that works once:", "En esta máquina nadie necesita acceso para solicitar títulos. Para administrar, pida un enlace que sirve una vez:"},
	"login":        {"Login link or token", "Enlace de acceso o clave"},
	"enter":        {"Enter", "Entrar"},
	"link_once":    {"This link lets this browser in, once.", "Este enlace deja entrar a este navegador, una vez."},
	"session_over": {"Your session is over. Log in again.", "Su sesión terminó. Entre de nuevo."},

	"search":       {"Search titles", "Buscar títulos"},
	"no_titles":    {"There are no titles yet.", "Todavía no hay títulos."},
	"none_found":   {"No title matches that.", "Ningún título coincide."},
	"all_titles":   {"All titles", "Todos los títulos"},
	"ask_admin":    {"An administrator adds the first one.", "Un administrador agrega el primero."},
	"add_first":    {"Add the first one below.", "Agregue el primero aquí abajo."},
	"more_titles":  {"More titles", "Más títulos"},
	"request":      {"Request", "Solicitar"},
	"unreadable":   {"cannot be delivered", "no se puede entregar"},
	"number":       {"number", "número"},
	"duration":     {"duration", "duración"},
	"title":        {"title", "título"},
	"kind_video":   {"video", "video"},
	"kind_sound":   {"sound", "sonido"},
	"kind_picture": {"picture", "imagen"},
	"kind_folder":  {"folder", "carpeta"},

	"add_title":   {"Add a title", "Agregar un título"},
	"name":        {"Name", "Nombre"},
	"location":    {"Location on the server", "Ubicación en el servidor"},
	"description": {"Description", "Descripción"},
	"optional":    {"optional", "opcional"},
	"add":         {"Add", "Agregar"},
	"added":       {"Added: %s, number %s.", "Agregado: %s, número %s."},
	"remove":      {"Remove", "Quitar"},
	"remove_it":   {"Remove it from the catalogue", "Quitarlo del catálogo"},
	"removed":     {"Removed: %s.", "Quitado: %s."},
	"force":       {"also cancel the deliveries that depend on it", "cancelar también las entregas que dependen de él"},
	"minutes":     {"Duration in minutes", "Duración en minutos"},
	"minutes_who": {"optional: read from the file where it says so", "opcional: se lee del archivo si este lo dice"},

	"replace":        {"New version", "Versión nueva"},
	"replace_it":     {"Deliver this from now on", "Entregar esta desde ahora"},
	"replaced":       {"%s has a new version. Deliveries of the old one go on.", "%s tiene una versión nueva. Las entregas de la anterior siguen."},
	"older":          {"Earlier versions", "Versiones anteriores"},
	"older_of":       {"earlier versions", "versiones anteriores"},
	"who_has_it":     {"Who has an earlier version", "Quién tiene una versión anterior"},
	"holds_since":    {"has it since", "la tiene desde"},
	"awaits":         {"awaits it by", "la espera para"},
	"not_present":    {"that version is no longer there", "esa versión ya no está"},
	"none_older":     {"Nobody has or awaits an earlier version.", "Nadie tiene ni espera una versión anterior."},
	"redeliver":      {"Promise them the version there is now", "Prometerles la versión de ahora"},
	"redeliver_what": {"It takes the place of an earlier one that has not arrived.", "Toma el lugar de una anterior que no ha llegado."},
	"comparing":      {"The two versions are compared", "Se comparan las dos versiones"},
	"comparing_why":  {"What both have in common is not sent again; the new one is read for that first.", "Lo que ambas tienen en común no se envía de nuevo; para eso se lee primero la nueva."},
	"go_on":          {"Go on", "Seguir"},
	"live_source":    {"A camera, a microphone, or a made picture", "Una cámara, un micrófono o una imagen fabricada"},
	"live_what":      {"What this server can capture becomes a title, which is captured when its time has come.", "Lo que este servidor puede captar se vuelve un título, que se capta cuando llega su hora."},
	"film_it":        {"Film a device", "Filmar un dispositivo"},
	"look_again":     {"Look again", "Buscar de nuevo"},
	"picture_of":     {"Picture", "Imagen"},
	"no_picture":     {"no picture", "sin imagen"},
	"no_sound":       {"no sound", "sin sonido"},
	"another":        {"Another one, written", "Otro, escrito"},
	"by_path":        {"Path of the camera", "Ruta de la cámara"},
	"by_card":        {"Sound card", "Tarjeta de sonido"},
	"size_of":        {"Size", "Tamaño"},
	"fps_of":         {"Pictures a second", "Imágenes por segundo"},
	"format_of":      {"Taken as", "Tomada como"},
	"best_of":        {"as is best", "como mejor sea"},
	"kept_as":        {"Kept as", "Guardado como"},
	"raw_of":         {"uncompressed", "sin comprimir"},
	"sound_of":       {"Sound", "Sonido"},
	"rate_of":        {"Samples a second", "Muestras por segundo"},
	"channels_of":    {"Channels", "Canales"},
	"channels_in":    {"channels", "canales"},
	"bits_of":        {"Bits of a sample", "Bits por muestra"},
	"a_pattern":      {"A made picture that moves", "Una imagen fabricada que se mueve"},
	"a_tone":         {"A made tone", "Un tono fabricado"},
	"used_for":       {"captured now for", "captado ahora para"},
	"as_title":       {"As a title", "Como título"},
	"live_for":       {"Minutes that it is captured for", "Minutos que se captura"},
	"live_add":       {"Add and request it", "Agregar y solicitarla"},

	"seen_now":    {"What is to be seen of", "Lo que se ve de"},
	"filmed_now":  {"being captured", "captándose"},
	"not_filmed":  {"It is not being captured now.", "Ahora no se está captando."},
	"not_shown":   {"what comes cannot be drawn here", "lo que llega no se puede dibujar aquí"},
	"film_moment": {"See what it gives now", "Ver lo que da ahora"},
	"since":       {"since", "desde"},

	"where_to":      {"Where should it be?", "¿Dónde debe estar?"},
	"other_place":   {"Another reception, by name", "Otra recepción, por su nombre"},
	"by_name":       {"Name of the reception", "Nombre de la recepción"},
	"by_when":       {"By when?", "¿Para cuándo?"},
	"asap":          {"as early as can be promised", "tan pronto como se pueda prometer"},
	"top_pace":      {"No faster than", "No más rápido que"},
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
	"can_have_it":   {"receptions can have it by then", "recepciones pueden tenerlo para entonces"},

	"link":     {"the link to the reception carries no more", "el enlace a la recepción no da más"},
	"uplink":   {"the uplink of the central server carries no more", "el enlace de subida del servidor central no da más"},
	"window":   {"the reception's link is closed until then", "el enlace de la recepción está cerrado hasta entonces"},
	"pace":     {"the pace that was asked for is too slow", "el ritmo pedido es muy lento"},
	"max_pace": {"the top pace is too slow", "el ritmo máximo es muy lento"},
	"not_over": {"it is live, and not over before its time", "es en vivo y no termina antes de su hora"},
	"disk":     {"there is no space at the reception", "no hay espacio en la recepción"},

	"no_deliveries": {"There are no deliveries yet.", "Todavía no hay entregas."},
	"ask_for_one":   {"Request a title, and its delivery is shown here as it goes.", "Solicite un título y su entrega se verá aquí a medida que avanza."},
	"going":         {"Under way", "En camino"},
	"none_going":    {"Nothing is under way.", "No hay nada en camino."},
	"ended":         {"Ended", "Terminadas"},
	"more":          {"Older deliveries", "Entregas anteriores"},
	"more_going":    {"Older ones under way", "Anteriores en camino"},
	"to":            {"to", "a"},
	"promised_for":  {"promised for", "prometida para"},
	"laxity":        {"in hand", "de holgura"},
	"over":          {"beyond the promise", "más que lo prometido"},
	"at_risk":       {"at risk", "en riesgo"},
	"sending":       {"sending", "enviando"},
	"failed":        {"failed", "fallida"},
	"cancelled":     {"cancelled", "cancelada"},
	"started":       {"started", "comenzada"},
	"resumed":       {"resumed", "reanudada"},
	"recording":     {"recording", "grabando"},
	"stopped":       {"ended sooner", "terminada antes"},
	"interrupted":   {"interrupted", "interrumpida"},
	"cancel":        {"Cancel", "Cancelar"},
	"cancel_it":     {"Cancel this delivery", "Cancelar esta entrega"},
	"cancel_what":   {"What has arrived so far is let go of at the reception.", "La recepción suelta lo que haya llegado hasta ahora."},
	"cancel_done":   {"The delivery is cancelled; the reception lets go of what it holds.", "La entrega está cancelada; la recepción suelta lo que tiene."},
	"captured":      {"captured", "captado"},
	"of":            {"of", "de"},
	"still":         {"goes on for", "sigue por"},
	"recorded":      {"recorded", "grabado"},
	"behind":        {"arrives later by", "llega más tarde en"},
	"no_device":     {"A device gives nothing now, and is tried again:", "Un dispositivo no da nada ahora y se intenta de nuevo:"},
	"end_now":       {"End now", "Terminar ahora"},
	"end_what":      {"What was captured until now is kept and deposited.", "Lo captado hasta ahora se conserva y se deposita."},
	"end_it":        {"End the capture", "Terminar la captura"},
	"end_done":      {"The capture ends here; what there is of it is deposited.", "La captura termina aquí; lo que hay de ella se deposita."},
	"ending":        {"It was ended sooner; what there is of it is on its way.", "Se terminó antes; lo que hay de ella está en camino."},
	"gaps_in":       {"What is missing, and why", "Qué falta, y por qué"},
	"track":         {"track", "pista"},
	"lost":          {"lost", "perdidos"},
	"planned":       {"planned", "planificada"},
	"progress":      {"Progress", "Avance"},
	"arrived":       {"arrived", "llegó"},
	"rate":          {"rate", "velocidad"},
	"proof_good":    {"Verified: signed by the reception, and what was promised.", "Verificada: firmada por la recepción, y es lo prometido."},
	"proof_bad":     {"This receipt does not prove the delivery.", "Este recibo no prueba la entrega."},
	"what_happened": {"What happened", "Qué pasó"},
	"requested":     {"requested", "solicitada"},

	"busy_links":    {"How full the links are", "Qué tan ocupados están los enlaces"},
	"uplink_lane":   {"Uplink of this server", "Enlace de subida de este servidor"},
	"full_to":       {"reserved at most", "reservado a lo más"},
	"span_choice":   {"How much time is drawn", "Cuánto tiempo se dibuja"},
	"span_all":      {"All", "Todo"},
	"span_week":     {"1 week", "1 semana"},
	"legend_held":   {"reserved", "reservado"},
	"legend_shut":   {"closed by its windows", "cerrado por sus ventanas"},
	"now":           {"now", "ahora"},
	"reservations":  {"Reservations", "Reservas"},
	"nothing_to_do": {"Nothing is promised: everything is free.", "No hay nada prometido: todo está libre."},

	"no_places":         {"No reception is known yet.", "Todavía no se conoce ninguna recepción."},
	"add_place_first":   {"Add the first one below; then one command there pairs it.", "Agregue la primera aquí abajo; luego un comando allí la empareja."},
	"new_reception":     {"A new reception", "Una recepción nueva"},
	"place_name":        {"Name", "Nombre"},
	"place_host":        {"Address", "Dirección"},
	"place_same":        {"optional: the same as the name", "opcional: la misma que el nombre"},
	"place_port":        {"Port", "Puerto"},
	"place_link":        {"What its link carries", "Lo que da su enlace"},
	"add_place":         {"Add and pair", "Agregar y emparejar"},
	"waits":             {"waits to be paired", "espera ser emparejada"},
	"paired":            {"paired", "emparejada"},
	"met":               {"known", "conocida"},
	"not_met":           {"not met yet", "aún no vista"},
	"well":              {"well", "bien"},
	"not_well":          {"not well", "con problemas"},
	"link_carries":      {"link", "enlace"},
	"free":              {"free there", "libre allí"},
	"not_heard":         {"not said yet", "aún no lo dice"},
	"owed":              {"still to send", "por enviar"},
	"punctual":          {"in time, 90 days", "a tiempo, 90 días"},
	"none_yet":          {"none yet", "ninguna aún"},
	"check":             {"Check now", "Revisar ahora"},
	"pair_again":        {"Pair anew", "Emparejar de nuevo"},
	"pair_again_what":   {"Makes a new code, for a reception that was set up anew.", "Crea un código nuevo, para una recepción que se instaló de nuevo."},
	"new_code":          {"New code", "Código nuevo"},
	"remove_place_what": {"Its pairing is over then, and nothing more is delivered to it.", "Su emparejamiento termina y no se le entrega nada más."},
	"unpaired":          {"%s is no longer paired. It stays in the configuration.", "%s ya no está emparejada. Sigue en la configuración."},
	"forgotten":         {"Removed: %s.", "Quitada: %s."},
	"pair_run":          {"Run this once on that machine", "Ejecute esto una vez en esa máquina"},
	"pair_until":        {"It can be used once, until", "Se puede usar una vez, hasta"},
	"pair_secret":       {"Whoever has it can be this reception: show it to nobody else.", "Quien lo tenga puede ser esta recepción: no lo muestre a nadie más."},
	"pair_visits":       {"It is looked for at", "Se la busca en"},
	"pair_on":           {"Go on without waiting", "Seguir sin esperar"},
	"found_name":        {"Name resolves", "El nombre se resuelve"},
	"found_connection":  {"Can be reached", "Se puede alcanzar"},
	"found_identity":    {"Is who it should be", "Es quien debe ser"},
	"found_clock":       {"Clock ahead", "Adelanto del reloj"},
	"found_space":       {"Free space", "Espacio libre"},
	"found_rate":        {"Measured rate", "Velocidad medida"},

	"no_accounts":         {"There are no accounts yet.", "Todavía no hay cuentas."},
	"first_account":       {"Everybody on this machine may request. With the first account everybody needs one: make an administrator's first.", "Todos en esta máquina pueden solicitar. Con la primera cuenta todos necesitan una: cree primero la de un administrador."},
	"add_account":         {"Add an account", "Agregar una cuenta"},
	"account_name":        {"Name", "Nombre"},
	"mail":                {"Mail", "Correo"},
	"administrator":       {"administrator", "administrador"},
	"created":             {"created", "creada"},
	"seen":                {"last seen", "vista por última vez"},
	"never_seen":          {"never logged in", "nunca ha entrado"},
	"renew":               {"New login", "Acceso nuevo"},
	"renew_what":          {"The login that it has is void then, and its browsers are logged out.", "El acceso que tiene deja de valer y sus navegadores salen."},
	"remove_account_what": {"Its login is void then. Its deliveries stay.", "Su acceso deja de valer. Sus entregas quedan."},
	"account_gone":        {"Removed: %s. Its login is void.", "Quitada: %s. Su acceso ya no vale."},
	"login_of":            {"Login of", "Acceso de"},
	"login_once":          {"Give them this link. It is shown this once.", "Entréguele este enlace. Se muestra solo esta vez."},
	"login_use":           {"It is for this console's login page, and for vcuser login.", "Sirve en la página de acceso de esta consola, y con vcuser login."},
}

// functions are what the templates can call besides.
var functions = template.FuncMap{
	"percent": percent, "poster": poster, "sign": sign, "wave": wave,
	"hours":    func() []int { return []int{1, 6, 24} },
	"answer":   func(reception string, p *control.Prospect) answer { return answer{reception, p} },
	"answerof": func(p control.Prospect) answer { return answer{p.Reception, &p} },
	"because":  because,
	"clock":    clock,
	"meaning":  func(code reason.Code, language string) string { meaning, _ := code.Words(language); return meaning },
	"took":     took,
	"seconds":  func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
	"options":  options,
}

// option is one of the values that a field can have.
type option struct {
	Value, Text string
	Chosen      bool
}

// options are the values that a field can have and their texts, in pairs; one of
// them is chosen.
func options(chosen string, pairs ...string) (all []option) {
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, option{pairs[i], pairs[i+1], pairs[i] == chosen})
	}
	return all
}

// answer is what could be at one reception, nil where that is not known.
type answer struct {
	Reception string
	Prospect  *control.Prospect
}

// Class is how the answer is shown.
func (a answer) Class() string {
	switch {
	case a.Prospect == nil:
		return ""
	case a.Prospect.Possible:
		return "good"
	}
	return "bad"
}

// because gives the words of a reason.
func because(code reason.Code, language string) string {
	meaning, hint := code.Words(language)
	if hint == "" {
		return meaning
	}
	return meaning + ": " + hint
}

// clock is a time in a recording, of so many milliseconds, for people.
func clock(ms int64) string {
	return fmt.Sprintf("%d:%02d:%04.1f", ms/3_600_000, ms/60_000%60, float64(ms%60_000)/1000)
}

// took is how long something is, to the second.
func took(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// percent is how much of a delivery is durable, 100 only when all is.
func percent(d control.Delivery) int {
	switch {
	case d.State == "deposited":
		return 100
	case d.Live && d.Size < 0:
		return int(min(d.Captured*100/max(1, d.Lasts), 99))
	case d.Size <= 0:
		return 0
	}
	return int(min(d.Offset*100/d.Size, 100))
}
