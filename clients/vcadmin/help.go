package main

import "videoclub/internal/client"

// helpTexts is what --help says, in one language.
type helpTexts struct {
	long                                         string // with a session as it looks
	addUse, duration, description, number, force string
	addReceptionUse, address, link               string
	replaceUse, redeliver, by, byEarliest        string
	addAccountUse, accountMail, admin, renew     string
	commands                                     map[string]client.Help
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
		long: `vcadmin administers a Video Club central server: its titles, its receptions and its
accounts.

  $ vcadmin add "The Night Train" /srv/films/night-train.mkv
  title 4: The Night Train
    duration  1:52 h
    size      1.2 GB
    location  /srv/films/night-train.mkv
    digest    computed in the background
  $ vcadmin list
  number  name             duration    size  digest  location                    note
       1  Corto                30 s  3.5 MB  known   corto.mp4
       4  The Night Train    1:52 h  1.2 GB  42 %    /srv/films/night-train.mkv`,
		addUse:      "add NAME LOCATION [--duration D] [--description T] [--number N]",
		duration:    "how long it lasts, `D`, such as 1h52m, or minutes (unless given, what the file says)",
		description: "tell users `T` about it", number: "give it the number `N` (unless given, the next one)",
		force:      "also while promises depend on it, whose deliveries are withdrawn",
		replaceUse: "replace N LOCATION [--duration D] [--redeliver {--by TIME | --by-earliest}]",
		redeliver:  "deliver it to the receptions that hold an earlier version, or await one", by: "it is to be there by `TIME`", byEarliest: "as early as can be promised, to each",
		addReceptionUse: "add NAME [--address HOST:PORT] [--link RATE]",
		address:         "reach it at `HOST:PORT` (unless given, at its name)", link: "the way to it carries `RATE`, such as \"100 Mbit/s\"",
		addAccountUse: "add NAME --mail ADDRESS [--admin] [--renew]",
		accountMail:   "write to this person at `ADDRESS`", admin: "an administrator", renew: "a new login link for an account that is there; the old one ends",
		commands: map[string]client.Help{
			"add": {Short: "add a title", Long: `add makes the file at LOCATION a title called NAME. LOCATION is a path on the
server; a relative one starts from the folder of its file of titles. The file has
to be there and readable, and under the roots where those are configured.

How long the title lasts is read from MP4, QuickTime, Matroska, WebM, WAV and AVI
files; of any other it has to be given. The digest is computed in the background.`, Example: `
  vcadmin add "The Night Train" /srv/films/night-train.mkv --description "a film about a train"
  vcadmin add News today/news.ts --duration 25m --number 100`},
			"replace": {Short: "give a title a new version", Long: `replace makes the file or folder at LOCATION the source of title N, whose number, name
and description stay. Unless it is given, the duration is what the file says, and of
a folder stays as it is. Then it lists the receptions that hold an earlier version,
and those that await one, for which nothing changes.

With --redeliver the new version is promised to all of them, or, if that cannot be,
to none, and it says by when it could. What was awaited ends then. Of a folder, the
files that a reception holds already are not sent again: for that the new version is
read first.`, Example: `
  vcadmin replace 4 /srv/films/night-train-2.mkv
  vcadmin replace 7 /srv/dcp/night-train-v2 --redeliver --by "tomorrow 18:00"`},
			"remove": {Short: "remove a title", Long: `remove takes title N out of the catalogue. Its file stays where it is. While a
promise depends on the title this is refused, with exit status 3; with --force
those deliveries are withdrawn.`, Example: `
  vcadmin remove 4
  vcadmin remove 4 --force`},
			"list": {Short: "list the titles with their sources", Long: `list prints the titles with the size and the location of their files, what keeps
one from being delivered, and whether its digest is known. A digest that is not
known is computed by the first delivery.`, Example: `
  vcadmin list
  vcadmin list --json | jq '.[] | select(.problem)'`},
			"deliveries": {Short: "list the deliveries of all users, the newest first", Long: `deliveries prints the latest deliveries of all users, the newest first, with what
there is to know about them: at risk, late, or why they wait or failed.`, Example: `
  vcadmin deliveries
  vcadmin deliveries --all --json`},
			"schedule": {Short: "show how full the uplink and the links are", Long: `schedule shows how full the uplink and the link to each reception are until all that
is promised is there, closed windows, and what is reserved for each delivery. Each
mark stands for as much as its fullest moment.`, Example: `
  vcadmin schedule
  vcadmin schedule --json | jq '.links[].slots[].id'`},
			"reception": {Short: "add, list, remove and check receptions", Long: "reception is about the reception servers that titles are delivered to.", Example: "  vcadmin reception add mateo.elo.utfsm.cl"},
			"reception add": {Short: "add a reception, or pair it again", Long: `add makes the reception server called NAME known, and prints what is to be run on it
once: "vcvrs pair CODE". The code is a secret, can be used once, and for a day
unless pairing_expires is set. For one that is known it prints a new code, which
ends the one before; so is one paired again whose keys have changed.`, Example: `
  vcadmin reception add mateo.elo.utfsm.cl
  vcadmin reception add sala-2 --address 192.0.2.7:4102 --link "100 Mbit/s"`},
			"reception list": {Short: "list the receptions and how they are paired", Long: `list prints the receptions that are configured, added, or were met.`, Example: `
  vcadmin reception list`},
			"reception remove": {Short: "forget a reception and its pairing", Long: `remove forgets where the reception is and who it is. While deliveries to it have not
ended this is refused, with exit status 3.`, Example: `
  vcadmin reception remove sala-2`},
			"reception check": {Short: "say whether a reception is well", Long: `check looks at a reception: whether its name resolves, whether it answers, whether it
is the one that was paired, how far its clock is off, how much space it has, and how
fast the way to it is; and says what to do where something is not well. To measure
the way, up to some megabytes are sent, for about a second.`, Example: `
  vcadmin reception check mateo.elo.utfsm.cl
  vcadmin reception check mateo.elo.utfsm.cl --json`},
			"sources": {Short: "list the cameras and microphones of the server", Long: `sources prints the devices that the server can capture, each by the location with
which a title names it: what it can do, for which titles it is captured now, or why it
cannot be. A pattern and a tone are made by the server, for trying without devices.
A live title lasts as long as --duration says.`, Example: `
  vcadmin sources
  vcadmin add "The yard" "v4l2:/dev/video0?size=1280x720&fps=30" --duration 30m
  vcadmin add "The yard, heard" "v4l2:/dev/video0+alsa:hw:0,0" --duration 30m
  vcadmin add "A trial" "pattern:+tone:" --duration 10s`},
			"console": {Short: "print a link to the web console", Long: `console prints a link that lets a browser into the web console of the server as
whoever asks for it: once, within ten minutes. The link is a secret until then.`, Example: `
  vcadmin console
  xdg-open "$(vcadmin console)"`},
			"account": {Short: "add, list and remove accounts", Long: "account is about the people who may ask the server for something. While there is\nno account at all, everybody on the server's own machine may.", Example: "  vcadmin account list"},
			"account add": {Short: "add an account, and print its login link", Long: `add makes an account and prints the link with which its owner logs in, once:
"vcuser login LINK". The link is a secret. With --renew an account that is there
gets a new link, and keeps its deliveries.`, Example: `
  vcadmin account add ana --mail ana@example.org
  vcadmin account add luis --mail luis@example.org --admin`},
			"account list": {Short: "list the accounts, with their last use", Long: "list prints the accounts.", Example: `
  vcadmin account list --json`},
			"account remove": {Short: "end an account", Long: "remove ends an account and its login at once. Its deliveries stay.", Example: `
  vcadmin account remove ana`},
		},
	}
}

func spanishHelp() helpTexts {
	return helpTexts{
		long: `vcadmin administra un servidor central de Video Club: sus títulos, sus recepciones y
sus cuentas.

  $ vcadmin add "El tren nocturno" /srv/films/tren.mkv
  título 4: El tren nocturno
    duración   1:52 h
    tamaño     1.2 GB
    ubicación  /srv/films/tren.mkv
    resumen    se calcula en segundo plano
  $ vcadmin list
  número  nombre            duración  tamaño  resumen   ubicación            nota
       1  Corto                 30 s  3.5 MB  conocido  corto.mp4
       4  El tren nocturno    1:52 h  1.2 GB  42 %      /srv/films/tren.mkv`,
		addUse:      "add NOMBRE UBICACIÓN [--duration D] [--description T] [--number N]",
		duration:    "cuánto dura, `D`, como 1h52m, o minutos (si no se indica, lo que dice el archivo)",
		description: "dice `T` de él a los usuarios", number: "le da el número `N` (si no se indica, el siguiente)",
		force:      "también mientras dependan de él promesas, cuyas entregas se retiran",
		replaceUse: "replace N UBICACIÓN [--duration D] [--redeliver {--by HORA | --by-earliest}]",
		redeliver:  "la entrega a las recepciones que tienen una versión anterior, o la esperan", by: "debe estar ahí para `HORA`", byEarliest: "lo antes que se pueda prometer, a cada una",
		addReceptionUse: "add NOMBRE [--address HOST:PUERTO] [--link TASA]",
		address:         "se llega a ella en `HOST:PUERTO` (si no se indica, por su nombre)", link: "el camino a ella da para `TASA`, como \"100 Mbit/s\"",
		addAccountUse: "add NOMBRE --mail DIRECCIÓN [--admin] [--renew]",
		accountMail:   "escribe a esta persona a `DIRECCIÓN`", admin: "un administrador", renew: "un nuevo enlace de acceso para una cuenta que ya existe; el anterior termina",
		commands: map[string]client.Help{
			"add": {Short: "agrega un título", Long: `add hace del archivo en UBICACIÓN un título llamado NOMBRE. UBICACIÓN es una ruta
en el servidor; una relativa parte de la carpeta de su archivo de títulos. El
archivo debe existir y ser legible, y estar bajo las raíces donde están
configuradas.

Cuánto dura el título se lee de archivos MP4, QuickTime, Matroska, WebM, WAV y AVI;
de cualquier otro hay que indicarlo. El resumen se calcula en segundo plano.`, Example: `
  vcadmin add "El tren nocturno" /srv/films/tren.mkv --description "una película sobre un tren"
  vcadmin add Noticias hoy/noticias.ts --duration 25m --number 100`},
			"replace": {Short: "da a un título una versión nueva", Long: `replace hace del archivo o carpeta en UBICACIÓN la fuente del título N, cuyo número,
nombre y descripción quedan. Si no se indica, la duración es la que dice el archivo, y
de una carpeta queda como está. Luego lista las recepciones que tienen una versión
anterior, y las que la esperan, para las que nada cambia.

Con --redeliver se promete la versión nueva a todas ellas o, si no se puede, a
ninguna, y dice para cuándo se podría. Lo que se esperaba termina entonces. De una
carpeta, los archivos que una recepción ya tiene no se envían otra vez: para eso se
lee primero la versión nueva.`, Example: `
  vcadmin replace 4 /srv/films/tren-2.mkv
  vcadmin replace 7 /srv/dcp/tren-v2 --redeliver --by "mañana 18:00"`},
			"remove": {Short: "elimina un título", Long: `remove saca el título N del catálogo. Su archivo queda donde está. Mientras una
promesa dependa del título esto se rechaza, con el estado de salida 3; con --force
se retiran esas entregas.`, Example: `
  vcadmin remove 4
  vcadmin remove 4 --force`},
			"list": {Short: "lista los títulos con sus archivos", Long: `list escribe los títulos con el tamaño y la ubicación de sus archivos, lo que
impide entregar alguno, y si se conoce su resumen. Un resumen que no se conoce lo
calcula la primera entrega.`, Example: `
  vcadmin list
  vcadmin list --json | jq '.[] | select(.problem)'`},
			"deliveries": {Short: "lista las entregas de todos los usuarios, primero la más nueva", Long: `deliveries escribe las últimas entregas de todos los usuarios, primero la más
nueva, con lo que hay que saber de ellas: en riesgo, con atraso, o por qué esperan
o fallaron.`, Example: `
  vcadmin deliveries
  vcadmin deliveries --all --json`},
			"schedule": {Short: "muestra qué tan ocupados están la subida y los enlaces", Long: `schedule muestra qué tan ocupados están la subida y el enlace a cada recepción hasta
que llegue todo lo prometido, las ventanas cerradas y lo reservado para cada entrega.
Cada marca vale por su momento más ocupado.`, Example: `
  vcadmin schedule
  vcadmin schedule --json | jq '.links[].slots[].id'`},
			"reception": {Short: "agrega, lista, elimina y revisa recepciones", Long: "reception trata de los servidores de recepción a los que se entregan títulos.", Example: "  vcadmin reception add mateo.elo.utfsm.cl"},
			"reception add": {Short: "agrega una recepción, o la empareja otra vez", Long: `add da a conocer el servidor de recepción llamado NOMBRE, y escribe lo que hay que
ejecutar en él una vez: "vcvrs pair CÓDIGO". El código es un secreto, se usa una sola
vez, y durante un día si no se fija pairing_expires. Para una que ya es conocida
escribe un nuevo código, que anula el anterior; así se empareja otra vez una cuyas
claves cambiaron.`, Example: `
  vcadmin reception add mateo.elo.utfsm.cl
  vcadmin reception add sala-2 --address 192.0.2.7:4102 --link "100 Mbit/s"`},
			"reception list": {Short: "lista las recepciones y su emparejamiento", Long: `list escribe las recepciones que están configuradas, se agregaron o se conocieron.`, Example: `
  vcadmin reception list`},
			"reception remove": {Short: "olvida una recepción y su emparejamiento", Long: `remove olvida dónde está la recepción y quién es. Mientras haya entregas a ella sin
terminar esto se rechaza, con el estado de salida 3.`, Example: `
  vcadmin reception remove sala-2`},
			"reception check": {Short: "dice si una recepción está bien", Long: `check mira una recepción: si su nombre se resuelve, si responde, si es la que se
emparejó, cuánto se desvía su reloj, cuánto espacio tiene y qué tan rápido es el camino
a ella; y dice qué hacer donde algo no está bien. Para medir el camino se envían hasta
unos megabytes, durante cerca de un segundo.`, Example: `
  vcadmin reception check mateo.elo.utfsm.cl
  vcadmin reception check mateo.elo.utfsm.cl --json`},
			"sources": {Short: "listar las cámaras y los micrófonos del servidor", Long: `sources muestra los dispositivos que el servidor puede capturar, cada uno con la
ubicación con que un título lo nombra: qué puede hacer, para qué títulos se captura
ahora, o por qué no se puede. Un patrón y un tono los hace el servidor mismo, para
probar sin dispositivos. Un título en vivo dura lo que diga --duration.`, Example: `
  vcadmin sources
  vcadmin add "El patio" "v4l2:/dev/video0?size=1280x720&fps=30" --duration 30m
  vcadmin add "El patio, con sonido" "v4l2:/dev/video0+alsa:hw:0,0" --duration 30m
  vcadmin add "Una prueba" "pattern:+tone:" --duration 10s`},
			"console": {Short: "escribe un enlace a la consola web", Long: `console escribe un enlace que deja entrar a un navegador en la consola web del
servidor como quien lo pide: una vez, dentro de diez minutos. Hasta entonces el
enlace es un secreto.`, Example: `
  vcadmin console
  xdg-open "$(vcadmin console)"`},
			"account": {Short: "agrega, lista y elimina cuentas", Long: "account trata de las personas que pueden pedir algo al servidor. Mientras no haya\nninguna cuenta, pueden todos los de la máquina del servidor.", Example: "  vcadmin account list"},
			"account add": {Short: "agrega una cuenta y escribe su enlace de acceso", Long: `add crea una cuenta y escribe el enlace con el que su dueño accede, una vez:
"vcuser login ENLACE". El enlace es un secreto. Con --renew una cuenta que ya existe
recibe un nuevo enlace, y conserva sus entregas.`, Example: `
  vcadmin account add ana --mail ana@example.org
  vcadmin account add luis --mail luis@example.org --admin`},
			"account list": {Short: "lista las cuentas, con su último uso", Long: "list escribe las cuentas.", Example: `
  vcadmin account list --json`},
			"account remove": {Short: "termina una cuenta", Long: "remove termina una cuenta y su acceso enseguida. Sus entregas quedan.", Example: `
  vcadmin account remove ana`},
		},
	}
}
