"""The REST API: a photo and regions in, a job, its progress as server-sent events, the clip's file out.

    schemas.py   what is sent and answered (pydantic; documented by /openapi.json)
    routes.py    the routes
    guards.py    who may ask: credentials, hosts, origins
    service.py   settings of a server, and what it is made of
    server.py    from settings to an address that answers

fastapi is an extra, imported by routes.py and inside server.py only.
"""
