"""The Python peer with a trivial card, run in an environment of its own: no prefetch templates, no model, no decision kept.

`python peer_healthchain.py PORT`, where HealthChain is installed.
"""

import sys

import uvicorn
from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models.responses.cdsresponse import Card, CDSResponse, IndicatorEnum, Source

app = HealthChainAPI()
service = CDSHooksService()


@service.hook("encounter-discharge", id="readmission-30d")
def trivial(request):  # noqa: ANN001, ANN201
    """One card, whatever the record says."""
    return CDSResponse(cards=[Card(summary="Hello", indicator=IndicatorEnum.info, source=Source(label="peer"))])


app.register_service(service)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
