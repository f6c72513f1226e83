package io.tandem.server.text.constrained;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.tandem.scheduler.inference.TokenConstraint.Next;
import io.tandem.server.text.grammar.GrammarException;
import io.tandem.server.text.grammar.GrammarState;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which tokens may follow in a state of a grammar. Walking a large vocabulary takes milliseconds, so it is done by threads
 * of its own, and once for all answers that come to the same state while it is remembered.
 */
final class TokenMasks implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TokenMasks.class);
    /** What remembering may take. */
    private static final long MAX_BYTES = 64 << 20;
    /** A state and its transitions, roughly. */
    private static final int STATE_BYTES = 2048;

    private final Vocabulary vocabulary;
    private final Set<Integer> stopTokens;
    private final int words;
    private final ExecutorService threads;
    private final Cache<GrammarState, Next> known;

    TokenMasks(Vocabulary vocabulary, int words, Set<Integer> stopTokens, int threads) {
        this.vocabulary = vocabulary;
        this.words = words;
        this.stopTokens = stopTokens;
        this.threads = Executors.newFixedThreadPool(threads, work -> {
            Thread thread = new Thread(work, "grammar");
            thread.setDaemon(true);
            return thread;
        });
        // Equal states are one object, so weak keys compare what is needed and let unused grammars go.
        this.known = Caffeine.newBuilder()
                .weakKeys()
                .maximumWeight(MAX_BYTES)
                .weigher((GrammarState state, Next next) -> STATE_BYTES + Long.BYTES * words)
                .executor(Runnable::run)
                .build();
    }

    byte[] spelling(int token) {
        return vocabulary.spelling(token);
    }

    /** What may follow, if that has been computed. */
    @Nullable
    Next known(GrammarState state) {
        return known.getIfPresent(state);
    }

    /** What may follow; takes long the first time. */
    Next compute(GrammarState state) {
        Next next = known.getIfPresent(state);
        if (next == null) {
            next = next(state);
            known.put(state, next);
        }
        return next;
    }

    private Next next(GrammarState state) {
        if (state.isDead()) {
            return new Next.Failed(false, "a token was drawn that the grammar of this request does not allow");
        }
        if (state.isLast()) {
            return new Next.Nothing();
        }
        long[] allowed = new long[words];
        try {
            vocabulary.allow(state, allowed);
        } catch (GrammarException e) {
            return new Next.Failed(true, "the grammar of this request " + e.getMessage());
        }
        if (state.accepts()) {
            stopTokens.forEach(token -> allowed[token >> 6] |= 1L << token);
        }
        for (long word : allowed) {
            if (word != 0) {
                return new Next.OneOf(allowed);
            }
        }
        return state.accepts()
                ? new Next.Nothing()
                : new Next.Failed(
                        true, "no token of the model's vocabulary continues what the grammar of this request asks for");
    }

    /** Has something computed; false if the server is shutting down. */
    boolean later(Runnable work) {
        try {
            threads.execute(() -> {
                try {
                    work.run();
                } catch (RuntimeException | Error e) {
                    LOG.error("what may follow in an answer could not be computed", e);
                    throw e;
                }
            });
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
