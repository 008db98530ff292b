"""Where instances are: from what people call them to URIs for flux.Flux().

    uri = flux.uri.FluxURIResolver().resolve("ƒABC")
    print(uri, flux.uri.JobURI(uri).local)
"""
from flux.uri.uri import URI, FluxURIResolver, JobURI, URIResolverPlugin, URIResolverURI

__all__ = ["URI", "FluxURIResolver", "JobURI", "URIResolverPlugin", "URIResolverURI"]
