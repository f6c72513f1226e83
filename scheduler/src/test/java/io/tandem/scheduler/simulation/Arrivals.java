package io.tandem.scheduler.simulation;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Traffic: random, or recorded. */
public final class Arrivals {
    /** First line of a recorded trace. */
    public static final String HEADER = "arrival_seconds,prompt_tokens,output_tokens,caller";

    private static final int COLUMNS = 4;
    private static final int MAX_TOKENS = 1 << 20;
    private static final int CALLERS = 4;

    private Arrivals() {}

    /** Independent arrivals. */
    public static List<Arrival> poisson(double perSecond, double seconds, Random random) {
        return bursty(1, perSecond, seconds, random);
    }

    /**
     * Arrivals whose intervals follow a Gamma distribution: the smaller the shape, the more they come in bursts (the
     * intervals' standard deviation over their mean is {@code 1 / sqrt(shape)}); 1 is a Poisson process. Lengths are
     * log-normal, as in chats.
     */
    public static List<Arrival> bursty(double shape, double perSecond, double seconds, Random random) {
        List<Arrival> arrivals = new ArrayList<>();
        double at = gamma(shape, random) / (shape * perSecond);
        while (at < seconds) {
            String caller = "caller-" + random.nextInt(CALLERS);
            arrivals.add(new Arrival(at, length(150, random, 1000), length(80, random, 500), caller));
            at += gamma(shape, random) / (shape * perSecond);
        }
        return arrivals;
    }

    private static int length(double median, Random random, int most) {
        return (int) Math.min(most, 1 + median * Math.exp(0.8 * random.nextGaussian()));
    }

    /** A draw of mean {@code shape} and scale 1 (Marsaglia and Tsang, 2000). */
    static double gamma(double shape, Random random) {
        if (shape < 1) {
            return gamma(shape + 1, random) * Math.pow(1 - random.nextDouble(), 1 / shape);
        }
        double d = shape - 1.0 / 3;
        double c = 1 / Math.sqrt(9 * d);
        while (true) {
            double x = random.nextGaussian();
            double v = Math.pow(1 + c * x, 3);
            if (v > 0 && Math.log(1 - random.nextDouble()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
                return d * v;
            }
        }
    }

    /**
     * Reads a trace in CSV: the {@link #HEADER}, then one request per line in the order of arrival; lines that begin
     * with {@code #} are comments.
     *
     * @throws IllegalArgumentException naming the line that is wrong
     */
    public static List<Arrival> recorded(Reader csv) throws IOException {
        BufferedReader lines = new BufferedReader(csv);
        List<Arrival> arrivals = new ArrayList<>();
        boolean header = false;
        double last = 0;
        int number = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            number++;
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            if (!header) {
                require(line.equals(HEADER), number, "expected " + HEADER);
                header = true;
                continue;
            }
            Arrival arrival = parse(line, number);
            require(arrival.seconds() >= last, number, "arrives before the line above");
            last = arrival.seconds();
            arrivals.add(arrival);
        }
        require(header, number, "expected " + HEADER);
        return arrivals;
    }

    private static Arrival parse(String line, int number) {
        String[] columns = line.split(",", -1);
        require(columns.length == COLUMNS, number, "expected " + COLUMNS + " columns, found " + columns.length);
        try {
            Arrival arrival = new Arrival(
                    Double.parseDouble(columns[0]),
                    Integer.parseInt(columns[1]),
                    Integer.parseInt(columns[2]),
                    columns[3]);
            require(Double.isFinite(arrival.seconds()) && arrival.seconds() >= 0, number, "a time of 0 or more");
            require(arrival.promptTokens() >= 1 && arrival.promptTokens() <= MAX_TOKENS, number, "a prompt of tokens");
            require(arrival.outputTokens() >= 1 && arrival.outputTokens() <= MAX_TOKENS, number, "an answer of tokens");
            return arrival;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("line " + number + ": expected numbers, found " + line, e);
        }
    }

    private static void require(boolean holds, int line, String message) {
        if (!holds) {
            throw new IllegalArgumentException("line " + line + ": " + message);
        }
    }
}
