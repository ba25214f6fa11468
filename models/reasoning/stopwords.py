"""Words that tell no clause of a procedure from another, without accents, in five languages.

Function words, and words that stand in every alarm text: area, person, check, have.
"""

from __future__ import annotations

from typing import Final

_EN = """
the and for with without from into onto out off over under above below near here there this that
these those its their them they you your who whom which what when where while until till before
after again once always never not nor but than then each every everybody everyone somebody anybody
nobody all any some has have had having are was were been being can could may might must shall
should will would does did done make makes made sure keep keeps kept let lets put get gets set
take takes give gives use used only also area areas zone zones place places people person persons
check checks whether right back have has move moved away behind ask asked look find so such more
most less least site sites file files hall one two three very soon now
day time times whatever those further inside
"""
_FR = """
les des une aux par pour avec sans dans sur sous vers chez entre depuis avant apres pendant tant
que qui quoi dont est sont etre etait ete avoir ayez cette ces cet son ses leur leurs vous nous ils
elle elles votre vos notre nos tout tous toute toutes chaque plus moins tres pas jamais toujours
peut peuvent doit doivent faire faites fait mettre mettez laissez zone zones secteur personne
personnes monde verifiez verifier controler lieu endroit jusqu afin ainsi alors aussi meme ici
celle celui lors puis quand comme soit soient lui
"""
_DE = """
der die das den dem des ein eine einer eines einem einen und oder aber nicht nie kein keine keiner
keinen mit ohne von vom zum zur aus bei bis fur auf uber unter vor nach wenn dann dass damit bevor
sie ihr ihre ihren ihrem ihnen ist sind war wird werden wurde kann konnen darf durfen muss mussen
soll sollen hat haben lassen lasst halten prufen bereich bereiche bereichs zone personen person
menschen leute alle allen aller alles jede jeder jedes jeden auch nur noch schon sehr hier dort
dieser diese dieses diesen diesem sich wieder immer durch gegen wer was wie wo ins ans sowie als
zuruck vorher weg
"""
_ES = """
los las una unos unas del con sin por para desde hasta hacia sobre entre cuando donde mientras que
quien cual cuyo este esta estos estas ese esa aquel sus les nos son ser esta estan haber hay haya
han puede pueden debe deben hacer haga hagan tenga tener deje dejar poner ponga zona zonas area
areas persona personas gente todos todas todo toda cada mas menos muy nunca siempre tambien solo
compruebe comprobar verifique lugar antes despues como segun sea sean aqui alli
"""
_IT = """
gli una uno del della dello dei degli delle dal dalla dai dagli nel nella nei nelle sul sulla con
senza per tra fra che chi cui quale quando dove finche mentre questo questa questi queste quello
quella suo sua suoi sue loro sono essere stato stata avere abbia hanno puo possono deve devono fare
far faccia mettere lasciare tenere zona zone area aree persona persone gente tutti tutte tutto
tutta ogni piu meno molto mai sempre anche solo non verificare controllare luogo prima dopo come
secondo sia siano qui
"""

STOPWORDS: Final = frozenset(f"{_EN} {_FR} {_DE} {_ES} {_IT}".split())
