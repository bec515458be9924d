def respond(handler, request): handler.answer(404)
