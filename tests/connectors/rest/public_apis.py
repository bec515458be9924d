def respond(request): return 404, b"", []
