package io.tandem.server.text.constrained;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.tandem.kernels.IterationInputs.Sampling;
import io.tandem.scheduler.inference.TokenConstraint;
import io.tandem.scheduler.inference.TokenConstraint.Next;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.OutputFormat;
import io.tandem.server.text.ServedModel;
import io.tandem.server.text.Tokenizer;
import io.tandem.server.text.grammar.CallGrammar;
import io.tandem.server.text.grammar.ChoiceGrammar;
import io.tandem.server.text.grammar.Grammar;
import io.tandem.server.text.grammar.GrammarException;
import io.tandem.server.text.grammar.SchemaGrammar;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Grammars of the formats that requests ask for, each made once while it is remembered. Making one takes up to a second,
 * so not on an event loop.
 */
public final class Grammars implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Grammars.class);
    private static final int MAX_GRAMMARS = 64;
    private static final int CORES_FOR_A_THREAD = 4;

    /** A grammar and what may follow at its beginning. */
    private record Ready(Grammar grammar, Next first) {}

    private final ServedModel model;
    private final Object gate = new Object();
    private final Cache<OutputFormat, Ready> grammars = Caffeine.newBuilder()
            .maximumSize(MAX_GRAMMARS)
            .executor(Runnable::run)
            .build();
    private volatile @Nullable Walking walking;

    /** What the vocabulary is needed for; made when the first request asks, as it takes memory. */
    private record Walking(TokenMasks masks, BitSet usable) {}

    public Grammars(ServedModel model) {
        this.model = model;
    }

    /**
     * Constraints of a format; each that is supplied is for one answer.
     *
     * @throws io.tandem.server.text.grammar.GrammarException if no grammar can be made of it
     */
    public Supplier<TokenConstraint> constraints(OutputFormat format) {
        TokenMasks masks = walking().masks();
        Ready ready = grammars.get(format, this::make);
        return () -> new GrammarConstraint(masks, ready.grammar().start(), ready.first());
    }

    private Ready make(OutputFormat format) {
        long start = System.nanoTime();
        Grammar grammar = grammar(format, walking().usable());
        Next first = walking().masks().compute(grammar.start());
        if (first instanceof Next.Failed failed) {
            throw new GrammarException("", "cannot be used: " + failed.message());
        }
        LOG.debug(
                "made a grammar of {} in {} ms",
                format.getClass().getSimpleName(),
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        return new Ready(grammar, first);
    }

    private static Grammar grammar(OutputFormat format, BitSet usable) {
        if (format instanceof OutputFormat.Schema schema) {
            return SchemaGrammar.of(parse(schema.json()), usable);
        }
        if (format instanceof OutputFormat.Pattern pattern) {
            return ChoiceGrammar.ofPattern(pattern.expression(), usable);
        }
        if (format instanceof OutputFormat.Choice choice) {
            return ChoiceGrammar.of(choice.texts(), usable);
        }
        if (format instanceof OutputFormat.Calls calls) {
            Map<String, JsonNode> functions = new LinkedHashMap<>();
            calls.functions().forEach(function -> functions.put(function.name(), parse(function.parameters())));
            return CallGrammar.of(functions, calls.shape(), usable);
        }
        return SchemaGrammar.anyObject(usable);
    }

    private static JsonNode parse(String json) {
        try {
            return JsonBody.MAPPER.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("a schema that was read before cannot be read again", e);
        }
    }

    private Walking walking() {
        Walking made = walking;
        if (made == null) {
            synchronized (gate) {
                made = walking;
                if (made == null) {
                    made = make(model);
                    walking = made;
                }
            }
        }
        return made;
    }

    private static Walking make(ServedModel model) {
        int vocab = model.shape().vocab();
        Tokenizer tokenizer = model.tokenizer();
        Vocabulary vocabulary = Vocabulary.of(vocab, id -> tokenizer.special(id) ? new byte[0] : tokenizer.bytes(id));
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / CORES_FOR_A_THREAD);
        TokenMasks masks = new TokenMasks(vocabulary, Sampling.words(vocab), model.stopTokens(), threads);
        return new Walking(masks, vocabulary.singles());
    }

    @Override
    public void close() {
        synchronized (gate) {
            Walking made = walking;
            if (made != null) {
                made.masks().close();
            }
        }
    }
}
