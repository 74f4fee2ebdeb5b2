package main

// helpTexts is what --help says, in one language.
type helpTexts struct {
	long     string // with a session as it looks
	commands map[string]commandHelp
	// What the flags are for.
	server, json, help                  string
	most, all                           string
	at, by, byEarliest, from, mail, key string
	requestUse                          string
	// Headings of the usage.
	usage, command, examples, commandList, flags, allFlags, more string
}

type commandHelp struct{ short, long, example string }

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
		server: "ask the central server at `HOST:PORT` (unless given, $VC_SERVER or 127.0.0.1:4100)",
		json:   "print JSON: bytes, bytes a second, times in RFC 3339",
		help:   "print this help",
		most:   "list the latest `N` deliveries (20 unless given)", all: "list all deliveries",
		at: "deliver to the reception server called `RECEPTION`", by: "promise that it is there by `TIME`",
		byEarliest: "promise the earliest time that can be kept",
		from:       "do not begin before `TIME`", mail: "write to `ADDRESS` when it is there",
		key:        "make the request under `KEY` (random unless given): the same key never makes a second delivery",
		requestUse: "request N --at RECEPTION {--by TIME | --by-earliest}",
		usage:      "Usage", command: "COMMAND", examples: "Examples", commandList: "Commands",
		flags: "Flags", allFlags: "Flags of all commands", more: "vcuser help COMMAND says more.",
		commands: englishCommands(),
	}
}

func englishCommands() map[string]commandHelp {
	return map[string]commandHelp{
		"help": {"print help about a command", "", ""},
		"list": {"list the titles: number, name, duration", `list prints the titles that can be requested, with their numbers.`, `
  vcuser list
  vcuser list --json | jq '.[].name'`},
		"request": {"ask for a title at a reception by a deadline", `request asks for title N at a reception server by a deadline. The answer is a
promise, or the earliest deadline that can be kept and what keeps it from being
sooner.

TIME is "18:30" (the next), "tomorrow 08:00", "friday 18:00", "+2h", "+1h30m",
"2026-11-22 18:00", or RFC 3339 such as "2026-11-22T18:00:00Z"; without an offset
it is on the clock of this machine ($TZ).

When no answer comes, the same request is made again. It has a random key, so
that it never becomes two deliveries.

The exit status is 3 when the request is refused, 2 when it is not well formed,
4 when it is not permitted and 5 when the server cannot be reached.`, `
  vcuser request 1 --at mateo.elo.utfsm.cl --by "friday 18:30"
  vcuser request 1 --at mateo.elo.utfsm.cl --by-earliest --from 22:00`},
		"deliveries": {"list the deliveries, the newest first", `deliveries prints the latest deliveries, the newest first, with what there is to
know about them: at risk, late, or why they wait or failed.`, `
  vcuser deliveries
  vcuser deliveries --all --json`},
		"show": {"show a delivery, its events, and its receipt verified", `show prints all that is known of delivery D: its events, and the receipt that
the reception server signed. The receipt is verified here: its signature, that
it is by the key that the reception is known by, and that it is for this
delivery, with this size and digest. When it does not hold, the exit status is 1.`, `
  vcuser show 3
  vcuser show 3 --json | jq .receipt`},
		"watch": {"follow a delivery to its end", `watch follows delivery D until it ends: one live bar on a terminal, otherwise
a line for each change, each tenth, or after 30 seconds. A restart of the server
does not end it. Laxity is how long before its deadline the delivery will be
there as things are.

The exit status is 0 when it is deposited and 1 when it failed, was cancelled, or
is no longer watched.`, `
  vcuser watch 3
  vcuser watch 3 --json`},
		"cancel": {"cancel a delivery", `cancel ends delivery D. What the reception holds of it is removed there as soon
as it can be reached.`, `
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
		server: "pregunta al servidor central en `HOST:PUERTO` (si no se indica, $VC_SERVER o 127.0.0.1:4100)",
		json:   "escribe JSON: bytes, bytes por segundo, horas en RFC 3339",
		help:   "escribe esta ayuda",
		most:   "lista las últimas `N` entregas (20 si no se indica)", all: "lista todas las entregas",
		at: "entrega en el servidor de recepción llamado `RECEPCIÓN`", by: "promete que estará allí antes de `HORA`",
		byEarliest: "promete la hora más temprana que se pueda cumplir",
		from:       "no comienza antes de `HORA`", mail: "escribe a `DIRECCIÓN` cuando esté allí",
		key:        "hace la solicitud con la clave `CLAVE` (al azar si no se indica): la misma clave nunca hace una segunda entrega",
		requestUse: "request N --at RECEPCIÓN {--by HORA | --by-earliest}",
		usage:      "Uso", command: "ORDEN", examples: "Ejemplos", commandList: "Órdenes",
		flags: "Opciones", allFlags: "Opciones de todas las órdenes", more: "vcuser help ORDEN dice más.",
		commands: spanishCommands(),
	}
}

func spanishCommands() map[string]commandHelp {
	return map[string]commandHelp{
		"help": {"escribe la ayuda de una orden", "", ""},
		"list": {"lista los títulos: número, nombre, duración", `list escribe los títulos que se pueden pedir, con sus números.`, `
  vcuser list
  vcuser list --json | jq '.[].name'`},
		"request": {"pide un título en una recepción antes de un plazo", `request pide el título N en un servidor de recepción antes de un plazo. La
respuesta es una promesa, o el plazo más temprano que se puede cumplir y lo que
impide que sea antes.

HORA es "18:30" (las próximas), "mañana 08:00", "viernes 18:00", "+2h",
"+1h30m", "2026-11-22 18:00", o RFC 3339 como "2026-11-22T18:00:00Z"; sin
desfase es la del reloj de esta máquina ($TZ).

Cuando no llega respuesta, la misma solicitud se hace de nuevo. Tiene una clave
al azar, para que nunca se convierta en dos entregas.

El estado de salida es 3 cuando la solicitud es rechazada, 2 cuando está mal
formada, 4 cuando no está permitida y 5 cuando no se llega al servidor.`, `
  vcuser request 1 --at mateo.elo.utfsm.cl --by "viernes 18:30"
  vcuser request 1 --at mateo.elo.utfsm.cl --by-earliest --from 22:00`},
		"deliveries": {"lista las entregas, primero la más nueva", `deliveries escribe las últimas entregas, primero la más nueva, con lo que hay que
saber de ellas: en riesgo, con atraso, o por qué esperan o fallaron.`, `
  vcuser deliveries
  vcuser deliveries --all --json`},
		"show": {"muestra una entrega, sus sucesos y su recibo verificado", `show escribe todo lo que se sabe de la entrega D: sus sucesos, y el recibo que
firmó el servidor de recepción. El recibo se verifica aquí: su firma, que es de
la clave por la que se conoce a la recepción, y que es de esta entrega, con este
tamaño y este resumen. Cuando no se sostiene, el estado de salida es 1.`, `
  vcuser show 3
  vcuser show 3 --json | jq .receipt`},
		"watch": {"sigue una entrega hasta su fin", `watch sigue la entrega D hasta que termina: una barra viva en una terminal, si no
una línea por cada cambio, cada décimo, o a los 30 segundos. Un reinicio del
servidor no la termina. La holgura es cuánto antes de su plazo estará allí la
entrega tal como van las cosas.

El estado de salida es 0 cuando fue depositada y 1 cuando falló, fue cancelada o
ya no se observa.`, `
  vcuser watch 3
  vcuser watch 3 --json`},
		"cancel": {"cancela una entrega", `cancel termina la entrega D. Lo que la recepción tiene de ella se borra allí en
cuanto se puede llegar a ella.`, `
  vcuser cancel 3`},
	}
}
