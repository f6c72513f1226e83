package io.tandem.server.text.constrained;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.Seeded;
import io.tandem.scheduler.inference.TokenConstraint.Next;
import io.tandem.server.text.grammar.ChoiceGrammar;
import io.tandem.server.text.grammar.Grammar;
import io.tandem.server.text.grammar.GrammarState;
import io.tandem.server.text.grammar.SchemaGrammar;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** From states of a grammar to tokens. */
@Timeout(60)
class GrammarConstraintTest {
    private static final int STOP = 256;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();
    private final List<byte[]> tokens = new ArrayList<>();

    /** All bytes, a stop token, some that are no text, and random pieces of JSON, two of them alike. */
    private Vocabulary vocabulary() {
        for (int value = 0; value < 256; value++) {
            tokens.add(new byte[] {(byte) value});
        }
        tokens.add(new byte[0]);
        String pieces = "{\"a\": [true, null, 12.5, \"é😀\"], \"bc\":{}}";
        for (int i = 0; i < 300; i++) {
            int from = random.nextInt(pieces.length() - 1);
            int to = from + 1 + random.nextInt(Math.min(6, pieces.length() - from));
            tokens.add(pieces.substring(from, to).getBytes(StandardCharsets.UTF_8));
        }
        tokens.add("true".getBytes(StandardCharsets.UTF_8));
        tokens.add("true".getBytes(StandardCharsets.UTF_8));
        tokens.add(new byte[0]);
        return Vocabulary.of(tokens.size(), tokens::get);
    }

    private TokenMasks masks(Vocabulary vocabulary) {
        return new TokenMasks(vocabulary, (tokens.size() + 63) / 64, Set.of(STOP), 1);
    }

    private static BitSet bits(Next next) {
        return BitSet.valueOf(((Next.OneOf) next).tokens());
    }

    @Test
    void theTrieAllowsWhatTheGrammarAllows() {
        Vocabulary vocabulary = vocabulary();
        Grammar grammar = SchemaGrammar.anyObject(vocabulary.singles());
        try (TokenMasks masks = masks(vocabulary)) {
            for (int walk = 0; walk < 20; walk++) {
                GrammarState state = grammar.start();
                for (int step = 0; step < 30 && !state.isLast(); step++) {
                    BitSet allowed = bits(masks.compute(state));
                    for (int token = 0; token < tokens.size(); token++) {
                        boolean fits = tokens.get(token).length > 0 || (token == STOP && state.accepts());
                        GrammarState behind = state;
                        for (byte value : tokens.get(token)) {
                            behind = behind.next(value);
                        }
                        assertThat(allowed.get(token)).isEqualTo(fits && !behind.isDead());
                    }
                    int chosen = random.nextInt(allowed.length());
                    int token = allowed.nextSetBit(chosen);
                    if (token == STOP) {
                        break;
                    }
                    for (byte value : tokens.get(token)) {
                        state = state.next(value);
                    }
                }
            }
        }
    }

    @Test
    void whatIsKnownIsTakenAtOnceAndTheRestIsComputedElsewhere() throws Exception {
        Vocabulary vocabulary = vocabulary();
        Grammar grammar = ChoiceGrammar.of(List.of("truetrue", "x"), vocabulary.singles());
        try (TokenMasks masks = masks(vocabulary)) {
            Next first = masks.compute(grammar.start());
            int word = tokens.size() - 2;
            Semaphore computed = new Semaphore(0);
            GrammarConstraint constraint = new GrammarConstraint(masks, grammar.start(), first);
            constraint.onComputed(computed::release);
            assertThat(bits(constraint.next()).get(word)).isTrue();
            constraint.accept(word);
            computed.acquire();
            assertThat(bits(constraint.next()).get(word)).isTrue();
            assertThat(bits(constraint.next()).get('x')).isFalse();
            constraint.accept(word);
            computed.acquire();
            assertThat(constraint.next()).isInstanceOf(Next.Nothing.class);
            // The same way again.
            GrammarConstraint second = new GrammarConstraint(masks, grammar.start(), first);
            second.accept(word);
            assertThat(bits(second.next()).get(word)).isTrue();
            second.accept(word);
            assertThat(second.next()).isInstanceOf(Next.Nothing.class);
        }
    }

    @Test
    void aStopTokenIsAllowedWhereTheTextMayEnd() {
        Vocabulary vocabulary = vocabulary();
        Grammar grammar = ChoiceGrammar.ofPattern("[0-9]{2,4}", vocabulary.singles());
        try (TokenMasks masks = masks(vocabulary)) {
            GrammarState one = grammar.start().next((byte) '1');
            assertThat(bits(masks.compute(one)).get(STOP)).isFalse();
            assertThat(bits(masks.compute(one.next((byte) '2'))).get(STOP)).isTrue();
        }
    }

    @Test
    void aTokenThatIsNotAllowedFailsTheAnswer() throws Exception {
        Vocabulary vocabulary = vocabulary();
        Grammar grammar = ChoiceGrammar.of(List.of("ab"), vocabulary.singles());
        try (TokenMasks masks = masks(vocabulary)) {
            GrammarConstraint constraint =
                    new GrammarConstraint(masks, grammar.start(), masks.compute(grammar.start()));
            Semaphore computed = new Semaphore(0);
            constraint.onComputed(computed::release);
            constraint.accept('b');
            computed.acquire();
            assertThat(constraint.next()).isInstanceOf(Next.Failed.class);
        }
    }

    /** A token of many bytes leads through states that each have a thousand ways behind them. */
    @Test
    void aGrammarWithTooManyWaysFailsInsteadOfComputingForEver() {
        for (int i = 0; i < 20_000; i++) {
            StringBuilder token = new StringBuilder();
            for (int j = 0; j < 24; j++) {
                token.append(random.nextBoolean() ? 'a' : 'b');
            }
            tokens.add(token.toString().getBytes(StandardCharsets.UTF_8));
        }
        Vocabulary vocabulary = Vocabulary.of(tokens.size(), tokens::get);
        BitSet usable = new BitSet();
        usable.set(0, 256);
        Grammar grammar = ChoiceGrammar.ofPattern("[ab]*a[ab]{200}", usable);
        GrammarState state = grammar.start();
        for (int i = 0; i < 150; i++) {
            state = state.next((byte) 'a');
        }
        try (TokenMasks masks = masks(vocabulary)) {
            assertThat(((Next.Failed) masks.compute(state)).message()).contains("too many ways");
        }
    }

    @Test
    void afterTheServersEndAnAnswerFails() {
        Vocabulary vocabulary = vocabulary();
        Grammar grammar = ChoiceGrammar.of(List.of("ab"), vocabulary.singles());
        TokenMasks masks = masks(vocabulary);
        GrammarConstraint constraint = new GrammarConstraint(masks, grammar.start(), masks.compute(grammar.start()));
        masks.close();
        constraint.accept('a');
        assertThat(constraint.next()).isInstanceOf(Next.Failed.class);
    }
}
