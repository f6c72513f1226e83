package io.tandem.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.api.ApiException;
import io.tandem.server.api.TenantId;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Work that ends when the test says so. */
@Timeout(60)
class TenantTurnsTest {
    private static final int MOST = 2;
    private static final long MAX_BYTES = 1000;
    private static final TenantId LOUD = tenant(1);
    private static final TenantId QUIET = tenant(2);

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(2));
    private final TenantTurns turns = new TenantTurns(vertx, "turns", MOST, MAX_BYTES);
    private final List<String> order = new CopyOnWriteArrayList<>();
    private final CountDownLatch gate = new CountDownLatch(1);

    private static TenantId tenant(int number) {
        return new TenantId(String.format("proj_%024x", number));
    }

    @AfterEach
    void close() {
        gate.countDown();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get();
    }

    private Callable<String> noted(String name) {
        return () -> {
            order.add(name);
            return name;
        };
    }

    private Callable<String> held(CountDownLatch begun) {
        return () -> {
            begun.countDown();
            gate.await();
            return "held";
        };
    }

    /** Takes all places that a tenant has. */
    private List<Future<String>> fill(TenantId tenant) throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(MOST);
        List<Future<String>> held = new ArrayList<>();
        for (int i = 0; i < MOST; i++) {
            held.add(turns.run(tenant, 1, held(begun)));
        }
        begun.await();
        return held;
    }

    @Test
    void whoeverFillsTheThreadsLeavesSomeToOthers() throws Exception {
        fill(LOUD);
        Future<String> waiting = turns.run(LOUD, 1, noted("loud"));
        assertThat(get(turns.run(QUIET, 1, noted("quiet")))).isEqualTo("quiet");
        assertThat(waiting.isComplete()).isFalse();
        gate.countDown();
        assertThat(get(waiting)).isEqualTo("loud");
        assertThat(order).containsExactly("quiet", "loud");
    }

    /** With one thread left, which its work, too, takes in turns. */
    @Test
    void shortWorkPassesTheLongWorkOfOthers() throws Exception {
        fill(tenant(3));
        CountDownLatch begun = new CountDownLatch(2);
        CountDownLatch first = new CountDownLatch(1);
        turns.run(tenant(4), 1, held(begun));
        turns.run(LOUD, 1, () -> {
            begun.countDown();
            first.await();
            return "first";
        });
        begun.await();
        List<Future<String>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            all.add(turns.run(LOUD, 100, noted("long")));
        }
        for (int i = 0; i < 15; i++) {
            all.add(turns.run(QUIET, 10, noted("short")));
        }
        first.countDown();
        for (Future<String> one : all) {
            get(one);
        }
        // By bytes, both have half: ten short ones, with one more each for their beginnings, are a long one.
        assertThat(order.subList(0, 9)).containsOnly("short");
        assertThat(order.indexOf("long")).isBetween(9, 10);
        assertThat(order.lastIndexOf("short")).isBetween(15, 16);
    }

    /** With one at a time: of two that begin at once, either may come first. */
    @Test
    void workOfOneTenantRunsInItsOrder() throws Exception {
        TenantTurns single = new TenantTurns(vertx, "single", 1, MAX_BYTES);
        List<Integer> begun = new CopyOnWriteArrayList<>();
        List<Future<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            int number = i;
            all.add(single.run(LOUD, i % 7, () -> begun.add(number)));
        }
        for (Future<Boolean> one : all) {
            get(one);
        }
        assertThat(begun).isEqualTo(IntStream.range(0, 200).boxed().toList());
    }

    @Test
    void noMoreOfOneTenantRunsAtOnceThanItMay() throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch begun = new CountDownLatch(MOST);
        List<Future<Object>> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int number = i;
            all.add(turns.run(LOUD, i % 7, () -> {
                most.accumulateAndGet(running.incrementAndGet(), Math::max);
                begun.countDown();
                gate.await();
                running.decrementAndGet();
                return number;
            }));
        }
        begun.await();
        // There are threads left, which a third one would have begun on before this.
        get(turns.run(QUIET, 1, noted("quiet")));
        assertThat(running).hasValue(MOST);
        gate.countDown();
        for (int i = 0; i < all.size(); i++) {
            assertThat(get(all.get(i))).isEqualTo(i);
        }
        assertThat(most).hasValue(MOST);
    }

    @Test
    void whoHasMoreThanItsPartOfTheBytesIsRefusedAndNobodyElse() throws Exception {
        List<Future<String>> all = fill(LOUD);
        Future<String> large = turns.run(LOUD, MAX_BYTES - 100, noted("large"));
        assertThatThrownBy(() -> get(turns.run(LOUD, 200, noted("refused"))))
                .isInstanceOf(ExecutionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        ApiException.class, e -> assertThat(e.status()).isEqualTo(429));
        assertThat(get(turns.run(QUIET, 200, noted("quiet")))).isEqualTo("quiet");
        // Alone, work is never too large.
        assertThat(get(turns.run(QUIET, 10 * MAX_BYTES, noted("huge")))).isEqualTo("huge");
        gate.countDown();
        all.add(large);
        for (Future<String> one : all) {
            get(one);
        }
        get(turns.run(LOUD, MAX_BYTES, noted("again")));
        assertThat(order).containsExactly("quiet", "huge", "large", "again");
    }

    /** Each has less than its part when it comes, yet together they would have any number of bytes. */
    @Test
    void allTogetherNeverHaveMoreThanTwiceTheBytes() throws Exception {
        List<Future<String>> all = new ArrayList<>();
        fill(tenant(8));
        fill(tenant(9));
        long most = 2 * MAX_BYTES - 2 * MOST;
        for (int i = 0; i < 4; i++) {
            all.add(turns.run(tenant(10 + i), most / 4, noted("fits")));
        }
        for (int i = 0; i < 20; i++) {
            Future<String> refused = turns.run(tenant(100 + i), 1, noted("refused"));
            assertThatThrownBy(() -> get(refused))
                    .cause()
                    .isInstanceOfSatisfying(
                            ApiException.class, e -> assertThat(e.status()).isEqualTo(429));
        }
        gate.countDown();
        for (Future<String> one : all) {
            assertThat(get(one)).isEqualTo("fits");
        }
        assertThat(get(turns.run(LOUD, 10 * MAX_BYTES, noted("alone")))).isEqualTo("alone");
    }

    @Test
    void whatFailsFreesItsPlace() throws Exception {
        for (int i = 0; i < 10; i++) {
            Future<Object> failing = turns.run(LOUD, 600, () -> {
                throw new IllegalStateException("no");
            });
            assertThatThrownBy(() -> get(failing)).hasRootCauseMessage("no");
        }
        assertThat(get(turns.run(LOUD, 600, noted("fine")))).isEqualTo("fine");
    }

    /** Also if it was another's event loop that freed the place. */
    @Test
    void theEndComesBackToTheLoopThatAsked() throws Exception {
        fill(LOUD);
        Context own = vertx.getOrCreateContext();
        CountDownLatch ended = new CountDownLatch(1);
        List<Context> seen = new CopyOnWriteArrayList<>();
        own.runOnContext(now -> turns.run(LOUD, 1, noted("mine")).onComplete(done -> {
            seen.add(vertx.getOrCreateContext());
            ended.countDown();
        }));
        gate.countDown();
        ended.await();
        assertThat(seen).containsExactly(own);
    }
}
