# Sends what standard input says with librdkafka: {"settings": {...}, "topic": "...", "records": [{"key": "...", "value": "..."}]}
import json
import sys

from confluent_kafka import Producer

order = json.load(sys.stdin)
failures = []
producer = Producer(order["settings"])
for record in order["records"]:
    producer.produce(order["topic"], key=record["key"].encode(), value=record["value"].encode(), on_delivery=lambda error, _: error and failures.append(str(error)))
producer.flush()
if failures:
    sys.exit("\n".join(failures))
