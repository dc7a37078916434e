package peer;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The trade rules as a Kafka Streams processor: one get, one put, changelog, trade.processed and trade.audit per accepted trade.
 * Arguments are key=value Kafka Streams settings. Prints what happens, with the time, for the benchmark to read.
 */
public final class TradeApp {
    private static final AtomicBoolean FIRST = new AtomicBoolean();

    @JsonPropertyOrder({"trade_id", "version", "counterparty_id", "book_id", "maturity_date", "created_date", "expired", "last_updated", "note"})
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public static final class Trade {
        public String trade_id;
        public Integer version;
        public String counterparty_id;
        public String book_id;
        public String maturity_date;
        public String created_date;
        public boolean expired;
        public String last_updated;
        /** Of values that are made larger. */
        public String note;

        boolean sameContent(Trade o) {
            return counterparty_id.equals(o.counterparty_id) && book_id.equals(o.book_id)
                && maturity_date.equals(o.maturity_date) && created_date.equals(o.created_date);
        }
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Audit(String trade_id, Integer version, String outcome, String reason, String business_date,
                        int partition, long offset, String at) { }

    static final class Rules implements Processor<String, byte[], String, byte[]> {
        private static final ObjectMapper JSON = new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
        private final ObjectReader readTrade = JSON.readerFor(Trade.class);
        private final ObjectWriter writeTrade = JSON.writerFor(Trade.class);
        private final ObjectWriter writeAudit = JSON.writerFor(Audit.class);
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> store;
        private String today = LocalDate.now(ZoneOffset.UTC).toString();
        private long todayUntil;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.store = context.getStateStore("trades");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (FIRST.compareAndSet(false, true)) {
                say("FIRST");
            }
            long now = System.currentTimeMillis();
            if (now > todayUntil) {
                today = LocalDate.now(ZoneOffset.UTC).toString();
                todayUntil = now + 1000;
            }
            String at = Instant.ofEpochMilli(now).toString();
            Trade trade;
            try {
                trade = readTrade.readValue(record.value());
                check(record.key(), trade);
            } catch (IOException | IllegalArgumentException e) {
                String reason = e.getMessage().lines().findFirst().orElse("unreadable");
                Record<String, byte[]> dead = record.withHeaders(record.headers());
                dead.headers().add("error", reason.getBytes(StandardCharsets.UTF_8));
                context.forward(dead, "dead-letter");
                audit(record, null, "INVALID", reason, at);
                return;
            }
            byte[] storedBytes = store.get(record.key());
            Trade stored = null;
            if (storedBytes != null) {
                try {
                    stored = readTrade.readValue(storedBytes);
                } catch (IOException e) {
                    throw new IllegalStateException("unreadable state of " + record.key(), e);
                }
            }
            if (stored != null && trade.version < stored.version) {
                audit(record, trade.version, "STALE_VERSION", "stored version " + stored.version, at);
            } else if (stored != null && trade.version.equals(stored.version) && trade.sameContent(stored)) {
                audit(record, trade.version, "DUPLICATE", null, at);
            } else if (trade.maturity_date.compareTo(today) < 0) {
                audit(record, trade.version, "PAST_MATURITY", "maturity_date " + trade.maturity_date, at);
            } else {
                trade.expired = false;
                trade.last_updated = at;
                byte[] state = bytes(writeTrade, trade);
                store.put(record.key(), state);
                context.forward(record.withValue(state), "processed");
                String outcome = stored == null ? "CREATED" : trade.version.equals(stored.version) ? "REPLACED" : "UPDATED";
                audit(record, trade.version, outcome, null, at);
            }
        }

        private void audit(Record<String, byte[]> record, Integer version, String outcome, String reason, String at) {
            RecordMetadata source = context.recordMetadata().orElseThrow();
            Audit entry = new Audit(record.key(), version, outcome, reason, today, source.partition(), source.offset(), at);
            context.forward(new Record<>(record.key(), bytes(writeAudit, entry), record.timestamp()), "audit");
        }

        private static byte[] bytes(ObjectWriter writer, Object value) {
            try {
                return writer.writeValueAsBytes(value);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }

        private static void check(String key, Trade t) {
            if (!within(t.trade_id) || !within(t.counterparty_id) || !within(t.book_id)) {
                throw new IllegalArgumentException("trade_id, counterparty_id and book_id need 1 to 50 characters");
            }
            if (!t.trade_id.equals(key)) {
                throw new IllegalArgumentException("key differs from trade_id");
            }
            if (t.version == null || t.version < 1) {
                throw new IllegalArgumentException("version must be 1 or more");
            }
            if (t.maturity_date == null || t.created_date == null) {
                throw new IllegalArgumentException("maturity_date and created_date are required");
            }
            try {
                LocalDate.parse(t.maturity_date);
                LocalDate.parse(t.created_date);
            } catch (DateTimeParseException e) {
                throw new IllegalArgumentException("not a calendar day", e);
            }
        }

        private static boolean within(String s) {
            return s != null && !s.isEmpty() && s.length() <= 50;
        }
    }

    static Topology topology() {
        var string = Serdes.String();
        var bytes = Serdes.ByteArray();
        return new Topology()
            .addSource("ingested", string.deserializer(), bytes.deserializer(), "trade.ingested")
            .addProcessor("rules", Rules::new, "ingested")
            .addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("trades"), string, bytes).withCachingDisabled(), "rules")
            .addSink("processed", "trade.processed", string.serializer(), bytes.serializer(), "rules")
            .addSink("audit", "trade.audit", string.serializer(), bytes.serializer(), "rules")
            .addSink("dead-letter", "trade.dead-letter", string.serializer(), bytes.serializer(), "rules");
    }

    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        for (String argument : args) {
            int equals = argument.indexOf('=');
            p.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        p.putIfAbsent("processing.guarantee", "exactly_once_v2");
        p.putIfAbsent("statestore.cache.max.bytes", "0");
        p.putIfAbsent("auto.offset.reset", "earliest");
        KafkaStreams streams = new KafkaStreams(topology(), p);
        streams.setStateListener((now, before) -> say("STATE " + now));
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        AtomicLong restored = new AtomicLong();
        streams.setGlobalStateRestoreListener(new StateRestoreListener() {
            @Override
            public void onRestoreStart(TopicPartition tp, String store, long from, long to) {
                say("RESTORE " + tp.partition() + " from " + from + " to " + to);
            }

            @Override
            public void onBatchRestored(TopicPartition tp, String store, long offset, long n) { }

            @Override
            public void onRestoreEnd(TopicPartition tp, String store, long n) {
                say("RESTORED " + tp.partition() + " records " + n + " sum " + restored.addAndGet(n));
            }
        });
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(60));
            say("CLOSED");
            ended.countDown();
        }));
        say("START");
        streams.start();
        ended.await();
    }

    private static void say(String what) {
        System.out.println("@" + System.currentTimeMillis() + " " + what);
    }
}
