package main

import "videoclub/internal/client"

// helpTexts is what --help says, in one language.
type helpTexts struct {
	long     string // with a session as it looks
	commands map[string]client.Help
	// What the flags are for, and how the commands with flags are called.
	at, by, byEarliest, atTime, from, pace, mail, key string
	requestUse, whereUse                              string
	whereAt, whereBy                                  string
}

// helpIn gives the help in a language: "es", or English for any other.
func helpIn(language string) helpTexts {
	if language == "es" {
		return spanishHelp()
	}
	return englishHelp()
}

func englishHelp() helpTexts {
	return helpTexts{
		long: `vcuser asks a Video Club central server for titles, and follows and proves
their deliveries.

  $ vcuser list
  number  name             duration
       1  The Night Train    1:52 h
  $ vcuser request 1 --at mateo.elo.utfsm.cl --by "friday 18:30"
  delivery 3: The Night Train to mateo.elo.utfsm.cl
    will be there by  2026-11-27 18:30:00 -03:00
    planned           2026-11-27 09:12:05 -03:00 – 10:05:00
    follow it with    vcuser watch 3
  $ vcuser watch 3
  delivery 3: The Night Train to mateo.elo.utfsm.cl
  [=====>-------]  42 %  504 MB of 1.2 GB  80 Mbit/s  1m10s left  laxity 8h  sending
  $ vcuser show 3
  ...
  receipt: verified`,
		at: "deliver to the reception server called `RECEPTION`; several: all of them or none", by: "promise that it is there by `TIME`",
		byEarliest: "promise the earliest time that can be kept",
		atTime:     "of a live title: begin to film at `TIME`, not as soon as possible; of a file the same as --from",
		from:       "do not begin before `TIME`; of a live title the same as --at-time", pace: "do not go faster than `RATE`, such as 20Mbit/s", mail: "write to `ADDRESS` when it is there",
		key:        "make the request under `KEY` (random unless given): the same key never makes a second delivery",
		requestUse: "request N --at RECEPTION… {--by TIME | --by-earliest}",
		whereUse:   "where N --by TIME [--at RECEPTION…]",
		whereAt:    "look at `RECEPTION` alone, or several (all that are known unless given)",
		whereBy:    "the title has to be there by `TIME`",

		commands: englishCommands(),
	}
}

func englishCommands() map[string]client.Help {
	return map[string]client.Help{
		"list": {Short: "list the titles: number, name, duration", Long: `list prints the titles that can be requested, with their numbers.`, Example: `
  vcuser list
  vcuser list --json | jq '.[].name'`},
		"request": {Short: "ask for a title at a reception by a deadline", Long: `request asks for title N at a reception server by a deadline. The answer is a
promise, or the earliest deadline that can be kept and what keeps it from being
sooner.

TIME is "18:30" (the next), "tomorrow 08:00", "friday 18:00", "+2h", "+1h30m",
"2026-11-22 18:00", or RFC 3339 such as "2026-11-22T18:00:00Z"; without an offset
it is on the clock of this machine ($TZ).

Several receptions, at most 32, are given with --at more than once or joined by
commas. Then all of them are promised or none, and where not all can be, each is
reported on: whether it could have it, and otherwise by when and why not sooner.

A live title is filmed from --at-time on, or as soon as possible, for as long as
the list says; "vcuser cancel" ends it sooner, and what was captured is deposited.

With --pace it never goes faster than that, whatever else is free, and what is
promised is what can be kept so.

When no answer comes, the same request is made again. It has a random key, so
that it never becomes two deliveries.

The exit status is 3 when the request is refused, 2 when it is not well formed,
4 when it is not permitted and 5 when the server cannot be reached.`, Example: `
  vcuser request 1 --at mateo.elo.utfsm.cl --by "friday 18:30"
  vcuser request 1 --at mateo.elo.utfsm.cl --by-earliest --from 22:00
  vcuser request 1 --at mateo.elo.utfsm.cl --by 18:00 --pace 20Mbit/s
  vcuser request 1 --at hall,studio --at attic --by "tomorrow 08:00"
  vcuser request 7 --at hall --by-earliest --at-time "friday 21:00"`},
		"where": {Short: "say which receptions could have a title by a deadline", Long: `where says at which reception servers title N could be by a deadline, as things
are now, and when it would arrive; for the others, what keeps it from being there
and the earliest deadline that could be promised. Each is looked at for itself.
Nothing is promised or kept free by it.

The exit status is 3 when it could be at none of them.`, Example: `
  vcuser where 1 --by "friday 18:00"
  vcuser where 1 --by "friday 18:00" --at hall,studio --json`},
		"deliveries": {Short: "list the deliveries, the newest first", Long: `deliveries prints the latest deliveries, the newest first, with what there is to
know about them: at risk, late, or why they wait or failed.`, Example: `
  vcuser deliveries
  vcuser deliveries --all --json`},
		"show": {Short: "show a delivery, its events, and its receipt verified", Long: `show prints all that is known of delivery D: its events, and the receipt that
the reception server signed. The receipt is verified here: its signature, that
it is by the key that the reception is known by, and that it is for this
delivery, with this size and digest. When it does not hold, the exit status is 1.`, Example: `
  vcuser show 3
  vcuser show 3 --json | jq .receipt`},
		"watch": {Short: "follow deliveries to their ends", Long: `watch follows each delivery D until all have ended: a live bar for each on a
terminal, otherwise a line for each change, each tenth, or after 30 seconds. A
restart of the server does not end it. Laxity is how long before its deadline a
delivery will be there as things are.

The exit status is 0 when all are deposited and 1 when one failed, was cancelled,
or they are no longer watched.`, Example: `
  vcuser watch 3
  vcuser watch 3 4 5
  vcuser watch 3 --json`},
		"login": {Short: "keep the login that an administrator gave you", Long: `login shows the server of LINK the login in it, and remembers both once they are
good: from then on that server is asked unless another is named, and it is known
again by its identity. The link is a secret: while the command runs, other users of
this machine may see it. "vcuser login -" reads it from standard input instead.`, Example: `
  vcuser login vc://films.example.org:4100/...
  vcuser login - < link`},
		"cancel": {Short: "cancel a delivery", Long: `cancel ends delivery D. What the reception holds of it is removed there as soon
as it can be reached. What was captured of a live title is deposited.`, Example: `
  vcuser cancel 3`},
	}
}

func spanishHelp() helpTexts {
	return helpTexts{
		long: `vcuser pide títulos a un servidor central de Video Club, y sigue y comprueba sus
entregas.

  $ vcuser list
  número  nombre            duración
       1  El tren nocturno    1:52 h
  $ vcuser request 1 --at mateo.elo.utfsm.cl --by "viernes 18:30"
  entrega 3: El tren nocturno a mateo.elo.utfsm.cl
    estará allí antes de  2026-11-27 18:30:00 -03:00
    prevista              2026-11-27 09:12:05 -03:00 – 10:05:00
    sígala con            vcuser watch 3
  $ vcuser watch 3
  entrega 3: El tren nocturno a mateo.elo.utfsm.cl
  [====>------]  42 %  504 MB de 1.2 GB  80 Mbit/s  faltan 1m10s  holgura 8h  enviando
  $ vcuser show 3
  ...
  recibo: verificado`,
		at: "entrega en el servidor de recepción llamado `RECEPCIÓN`; varios: en todos o en ninguno", by: "promete que estará allí antes de `HORA`",
		byEarliest: "promete la hora más temprana que se pueda cumplir",
		atTime:     "de un título en vivo: comienza a filmar a `HORA`, no cuanto antes; de un archivo, lo mismo que --from",
		from:       "no comienza antes de `HORA`; de un título en vivo, lo mismo que --at-time", pace: "no va más rápido que `RITMO`, como 20Mbit/s", mail: "escribe a `DIRECCIÓN` cuando esté allí",
		key:        "hace la solicitud con la clave `CLAVE` (al azar si no se indica): la misma clave nunca hace una segunda entrega",
		requestUse: "request N --at RECEPCIÓN… {--by HORA | --by-earliest}",
		whereUse:   "where N --by HORA [--at RECEPCIÓN…]",
		whereAt:    "mira solo `RECEPCIÓN`, o varias (todas las conocidas si no se indica)",
		whereBy:    "el título debe estar allí antes de `HORA`",

		commands: spanishCommands(),
	}
}

func spanishCommands() map[string]client.Help {
	return map[string]client.Help{
		"list": {Short: "lista los títulos: número, nombre, duración", Long: `list escribe los títulos que se pueden pedir, con sus números.`, Example: `
  vcuser list
  vcuser list --json | jq '.[].name'`},
		"request": {Short: "pide un título en una recepción antes de un plazo", Long: `request pide el título N en un servidor de recepción antes de un plazo. La
respuesta es una promesa, o el plazo más temprano que se puede cumplir y lo que
impide que sea antes.

HORA es "18:30" (las próximas), "mañana 08:00", "viernes 18:00", "+2h",
"+1h30m", "2026-11-22 18:00", o RFC 3339 como "2026-11-22T18:00:00Z"; sin
desfase es la del reloj de esta máquina ($TZ).

Varias recepciones, 32 como máximo, se indican con --at más de una vez o unidas
por comas. Entonces se promete a todas o a ninguna, y donde no se pueda a todas
se informa de cada una: si podría tenerlo, y si no, para cuándo y qué impide que
sea antes.

Un título en vivo se filma desde --at-time, o cuanto antes, por el tiempo que dice
la lista; "vcuser cancel" lo termina antes, y lo que se captó se deposita.

Con --pace nunca va más rápido que eso, esté lo que esté libre, y lo que se promete
es lo que se puede cumplir así.

Cuando no llega respuesta, la misma solicitud se hace de nuevo. Tiene una clave
al azar, para que nunca se convierta en dos entregas.

El estado de salida es 3 cuando la solicitud es rechazada, 2 cuando está mal
formada, 4 cuando no está permitida y 5 cuando no se llega al servidor.`, Example: `
  vcuser request 1 --at mateo.elo.utfsm.cl --by "viernes 18:30"
  vcuser request 1 --at mateo.elo.utfsm.cl --by-earliest --from 22:00
  vcuser request 1 --at mateo.elo.utfsm.cl --by 18:00 --pace 20Mbit/s
  vcuser request 1 --at sala,estudio --at altillo --by "mañana 08:00"
  vcuser request 7 --at sala --by-earliest --at-time "viernes 21:00"`},
		"where": {Short: "dice qué recepciones podrían tener un título antes de un plazo", Long: `where dice en qué servidores de recepción podría estar el título N antes de un
plazo, tal como están las cosas, y cuándo llegaría; de los demás, qué lo impide y
el plazo más temprano que se podría prometer. Cada uno se mira por sí solo. Nada
se promete ni se reserva con ello.

El estado de salida es 3 cuando no podría estar en ninguno.`, Example: `
  vcuser where 1 --by "viernes 18:00"
  vcuser where 1 --by "viernes 18:00" --at sala,estudio --json`},
		"deliveries": {Short: "lista las entregas, primero la más nueva", Long: `deliveries escribe las últimas entregas, primero la más nueva, con lo que hay que
saber de ellas: en riesgo, con atraso, o por qué esperan o fallaron.`, Example: `
  vcuser deliveries
  vcuser deliveries --all --json`},
		"show": {Short: "muestra una entrega, sus sucesos y su recibo verificado", Long: `show escribe todo lo que se sabe de la entrega D: sus sucesos, y el recibo que
firmó el servidor de recepción. El recibo se verifica aquí: su firma, que es de
la clave por la que se conoce a la recepción, y que es de esta entrega, con este
tamaño y este resumen. Cuando no se sostiene, el estado de salida es 1.`, Example: `
  vcuser show 3
  vcuser show 3 --json | jq .receipt`},
		"watch": {Short: "sigue entregas hasta su fin", Long: `watch sigue cada entrega D hasta que todas terminan: una barra viva por cada una
en una terminal, si no una línea por cada cambio, cada décimo, o a los 30
segundos. Un reinicio del servidor no lo termina. La holgura es cuánto antes de
su plazo estará allí una entrega tal como van las cosas.

El estado de salida es 0 cuando todas fueron depositadas y 1 cuando una falló, fue
cancelada o ya no se observan.`, Example: `
  vcuser watch 3
  vcuser watch 3 4 5
  vcuser watch 3 --json`},
		"login": {Short: "guarda el acceso que le dio un administrador", Long: `login muestra al servidor de ENLACE el acceso que contiene, y recuerda ambos si son
buenos: desde entonces se pregunta a ese servidor si no se indica otro, y se lo vuelve
a conocer por su identidad. El enlace es un secreto: mientras corre la orden, otros
usuarios de esta máquina pueden verlo. "vcuser login -" lo lee de la entrada estándar.`, Example: `
  vcuser login vc://films.example.org:4100/...
  vcuser login - < enlace`},
		"cancel": {Short: "cancela una entrega", Long: `cancel termina la entrega D. Lo que la recepción tiene de ella se borra allí en
cuanto se puede llegar a ella. Lo que se captó de un título en vivo se deposita.`, Example: `
  vcuser cancel 3`},
	}
}
