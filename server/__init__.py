"""Beseda: a self-hosted real-time chat.

The layers point one way (``tests/house/test_layers.py`` checks it)::

    domain, runtime  <-  state, storage, auth, files  <-  archive  <-  chat, website, writer

Two paths are worth reading from top to bottom:

* a message: ``chat/socket.py`` -> ``chat/connection.py`` -> ``chat/publisher.py`` ->
  ``state/functions/publish.lua`` -> ``state/feed.py`` -> ``chat/room.py`` -> the sockets;
* its way to disk: ``state/drain.py`` -> ``writer/drain.py`` -> ``writer/batch.py`` ->
  ``storage/messages.py`` -> ``storage/queries/messages.sql``.
"""
