package io.tandem.loadtest.simulation;

import com.typesafe.scalalogging.Logger;
import io.gatling.commons.stats.Status;
import io.gatling.core.action.Action;
import io.gatling.core.session.Session;
import io.gatling.core.stats.StatsEngine;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import scala.Option;

/**
 * Streams one answer and puts into Gatling's statistics: {@code answer}, from sending to the end; {@code first token};
 * {@code token}, each gap after that; {@code answer inside the SLO}, which fails if a target was missed; and
 * {@code refusal} where those are right. Gatling's own server-sent events tell times in whole milliseconds, and a gap
 * is a few of them; here the clock is read as each token arrives.
 */
final class StreamAction implements Action {
    static final String ANSWER = "answer";
    static final String INSIDE_SLO = "answer inside the SLO";
    private static final String FIRST_TOKEN = "first token";
    private static final String TOKEN = "token";
    private static final String REFUSAL = "refusal";
    private static final Status OK = Status.apply("OK");
    private static final Status KO = Status.apply("KO");
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final Traffic traffic;
    private final ExecutorService senders;
    private final StatsEngine statistics;
    private final Action next;
    private final AtomicLong numbers = new AtomicLong();
    private final AtomicInteger inFlight = new AtomicInteger();
    private Logger logger = Logger.apply(StreamAction.class.getName());

    StreamAction(Traffic traffic, ExecutorService senders, StatsEngine statistics, Action next) {
        this.traffic = traffic;
        this.senders = senders;
        this.statistics = statistics;
        this.next = next;
    }

    @Override
    public String name() {
        return ANSWER;
    }

    @Override
    public void execute(Session session) {
        long number = numbers.getAndIncrement();
        int together = inFlight.incrementAndGet();
        senders.execute(() -> {
            try {
                ask(session, number, together);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                inFlight.decrementAndGet();
                next.$bang(session);
            }
        });
    }

    private void ask(Session session, long number, int together) throws InterruptedException {
        RequestSequence.Request request = traffic.requests().get(number);
        long sentMillis = System.currentTimeMillis();
        Answer answer = Answer.of(traffic.client(), request.body());
        boolean met = answer.meets(traffic.run().ttftMillis(), traffic.run().tpotMillis());
        traffic.log().add(number, sentMillis, request, answer, together, met);
        Statistics of = new Statistics(session, sentMillis, answer);
        if (answer.status() == Answer.REFUSED && traffic.run().profile().refuses()) {
            of.log(REFUSAL, answer.sentNanos(), answer.endNanos(), OK, "");
            return;
        }
        of.log(ANSWER, answer.sentNanos(), answer.endNanos(), answer.complete() ? OK : KO, answer.complaint());
        of.log(
                INSIDE_SLO,
                answer.sentNanos(),
                answer.endNanos(),
                met ? OK : KO,
                met || !answer.complete() ? answer.complaint() : "a target was missed");
        long before = answer.sentNanos();
        String what = FIRST_TOKEN;
        for (long token : answer.tokenNanos()) {
            of.log(what, before, token, OK, "");
            before = token;
            what = TOKEN;
        }
    }

    /** Gatling's statistics of one answer, with its times on Gatling's clock. */
    private final class Statistics {
        private final Session session;
        private final long sentMillis;
        private final long sentNanos;

        Statistics(Session session, long sentMillis, Answer answer) {
            this.session = session;
            this.sentMillis = sentMillis;
            this.sentNanos = answer.sentNanos();
        }

        void log(String what, long fromNanos, long toNanos, Status status, String message) {
            long start = sentMillis + (fromNanos - sentNanos) / NANOS_PER_MILLI;
            long millis = Math.round((double) (toNanos - fromNanos) / NANOS_PER_MILLI);
            Option<String> error = message.isEmpty() ? Option.empty() : Option.apply(message);
            statistics.logResponse(
                    session.scenario(), session.groups(), what, start, start + millis, status, Option.empty(), error);
        }
    }

    @Override
    public Logger logger() {
        return logger;
    }

    @Override
    public void com$typesafe$scalalogging$StrictLogging$_setter_$logger_$eq(Logger replaced) {
        logger = replaced;
    }
}
