"""Reads an OpenMetrics text strictly. Prints each sample by the name of its family."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = text_string_to_metric_families(json.load(sys.stdin)["text"])
json.dump(
    {
        family.name: {
            "type": family.type,
            "help": family.documentation,
            "samples": [[sample.name, sample.labels, sample.value] for sample in family.samples],
        }
        for family in families
    },
    sys.stdout,
)
