package io.tandem.loadtest.figure;

import de.erichseifert.vectorgraphics2d.Processors;
import de.erichseifert.vectorgraphics2d.VectorGraphics2D;
import de.erichseifert.vectorgraphics2d.util.PageSize;
import java.awt.geom.Rectangle2D;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.CombinedDomainXYPlot;
import org.jfree.chart.text.TextUtils;

/** One picture. */
public final class Figure {
    private static final int WIDTH = 860;
    private static final int ONE_PANEL = 380;
    private static final int STACKED_PANEL = 190;
    private static final int AROUND_PANELS = 120;

    static {
        // Turned text would become shapes.
        TextUtils.setUseDrawRotatedStringWorkaround(false);
    }

    private final JFreeChart chart;
    private final int height;

    private Figure(JFreeChart chart, int height) {
        this.chart = chart;
        this.height = height;
    }

    /** Lines over one axis. */
    public static Figure of(String title, ValueAxis across, Panel panel) {
        return new Figure(Look.applied(title, panel.plot(across)), ONE_PANEL);
    }

    public static Figure of(String title, Bars bars) {
        return new Figure(Look.applied(title, bars.plot()), bars.height());
    }

    /** Panels one above the other that share what goes across. */
    public static Figure stacked(String title, ValueAxis across, Panel... panels) {
        CombinedDomainXYPlot plot = new CombinedDomainXYPlot(across);
        plot.setGap(14);
        int before = 0;
        int first = 0;
        for (Panel panel : panels) {
            first = panel.isLikeAbove() ? before : first;
            panel.colorsFrom(first);
            before = first;
            first += panel.lines();
            plot.add(panel.plot(null));
        }
        return new Figure(Look.applied(title, plot), AROUND_PANELS + STACKED_PANEL * panels.length);
    }

    /** The picture as a complete SVG document. */
    public String svg() {
        VectorGraphics2D graphics = new VectorGraphics2D();
        chart.draw(graphics, new Rectangle2D.Double(0, 0, WIDTH, height));
        ByteArrayOutputStream document = new ByteArrayOutputStream();
        try {
            Processors.get("svg")
                    .getDocument(graphics.getCommands(), new PageSize(WIDTH, height))
                    .writeTo(document);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return mended(document.toString(StandardCharsets.UTF_8));
    }

    /** The library leaves out a size that is its own default, and takes everything out of SVG's namespace. */
    private static String mended(String document) {
        return document.replace(" xmlns=\"\"", "")
                .replaceFirst("<svg ", "<svg font-size=\"12px\" ")
                .replaceAll("font-family:&#34;[^&]*&#34;;", "font-family:'DejaVu Sans',Verdana,sans-serif;");
    }

    /** The picture as an element of a page. */
    public String element() {
        String document = svg();
        return document.substring(document.indexOf("<svg"));
    }

    public void write(Path file) throws IOException {
        Files.createDirectories(Objects.requireNonNull(file.toAbsolutePath().getParent()));
        Files.writeString(file, svg());
    }
}
